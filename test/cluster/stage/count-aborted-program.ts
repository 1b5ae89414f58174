// `node count-aborted-program.ts BOOTSTRAP TOPIC…`: prints how many transactions the broker itself calls aborted in these topics. A program, because
// the broker can only be reached from inside of the cluster's network.
import { kafkaClientOptions } from '../../../common/kafka/connection-options.ts';
import { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { countAborted } from '../../brokers/kafka-records.ts';

const [bootstrap = '', ...topics] = process.argv.slice(2);
const cluster = new Cluster(kafkaClientOptions(new Map([['bootstrap.servers', bootstrap]])));
const counts = await Promise.all(topics.map((topic) => countAborted({ cluster }, topic)));
await cluster.close();
console.log(counts.reduce((sum, count) => sum + count, 0));
