/** SQS applications with boto3 against moto; against other emulators in the full suite. */
import { startMoto } from '../../testbed/brokers/sqs.ts';
import { ensurePython } from '../../testbed/toolchain/python.ts';
import { describeApplications, skip } from './sqs-life.ts';

const python = await ensurePython();

describeApplications({ name: 'moto', start: (place) => startMoto(place, python), skip, traces: false, takesAll: true });
