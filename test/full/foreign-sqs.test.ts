/** SQS applications with boto3 against fauxqs and ElasticMQ; moto is in the brokers suite. */
import { describeApplications, skip } from '../brokers/foreign/sqs-life.ts';
import { startElasticMq, startFauxqs } from '../testbed/brokers/sqs.ts';
import { ensureElasticMq } from '../testbed/toolchain/kafka.ts';

const elasticMq = await ensureElasticMq();
const noElasticMq = elasticMq.available ? (false as const) : `${elasticMq.reason} ${elasticMq.howToGet}`;

describeApplications({ name: 'fauxqs', start: startFauxqs, skip, traces: false, takesAll: false });
describeApplications({
  name: 'ElasticMQ',
  start: (place) => startElasticMq(place, elasticMq),
  skip: skip || noElasticMq,
  traces: true,
  takesAll: true,
});
