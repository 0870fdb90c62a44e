// What kafkajs does with `harrow serve`: each step prints its name once it has gone well.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";

const require = createRequire(process.env.HARROW_TEST_NODE_MODULES + "/");
const { Kafka, CompressionTypes, logLevel } = require("kafkajs");
const [servers, control, harrow] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "suite", brokers: servers.split(","), logLevel: logLevel.NOTHING,
  retry: { retries: 20, initialRetryTime: 100, maxRetryTime: 2000 } });

const ctl = (...words) => execFileSync(harrow, ["ctl", "--control", control, ...words]);
const messages = (count, prefix) => Array.from({ length: count }, (_, at) => ({ value: `${prefix}-${at}` }));

// As a member of a group, until so many records have come, or so long nothing.
async function read(topic, groupId, count, quietMs = 60000) {
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const values = [];
  const done = new Promise((resolve) => {
    const timer = setTimeout(resolve, quietMs);
    consumer.run({ eachMessage: async ({ message }) => {
      values.push(message.value.toString());
      if (values.length === count) { clearTimeout(timer); resolve(); }
    } });
  });
  await done;
  await consumer.disconnect();
  if (values.length !== count || new Set(values).size !== count) throw new Error(`${values.length} of ${count} records`);
  return values;
}

async function admin() {
  const client = kafka.admin();
  await client.connect();
  await client.createTopics({ topics: [{ topic: "made", numPartitions: 3, replicationFactor: 3 }], waitForLeaders: true });
  const described = await client.fetchTopicMetadata({ topics: ["made"] });
  if (described.topics[0].partitions.length !== 3) throw new Error("not three partitions");
  await client.deleteTopics({ topics: ["made"] });
  await client.disconnect();
}

async function produce() {
  const producer = kafka.producer({ allowAutoTopicCreation: true });
  await producer.connect();
  await producer.send({ topic: "plain", acks: -1, messages: messages(25, "plain") });
  await producer.send({ topic: "plain", acks: -1, compression: CompressionTypes.GZIP, messages: messages(25, "gzip") });
  await producer.disconnect();
}

const consume = () => read("plain", "all", 50);

async function group() {
  await read("plain", "classic", 50);
  await read("plain", "classic", 0, 5000);
}

async function transaction() {
  const producer = kafka.producer({ transactionalId: "suite", maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  for (const commit of [true, false]) {
    const transaction = await producer.transaction();
    await transaction.send({ topic: "transacted", messages: messages(10, String(commit)) });
    await (commit ? transaction.commit() : transaction.abort());
  }
  await producer.disconnect();
  const values = await read("transacted", "readers", 10);
  if (!values.every((value) => value.startsWith("true"))) throw new Error("aborted records are read");
}

async function failover() {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const send = (from) => producer.send({ topic: "struck", acks: -1,
    messages: messages(50, String(from)).map((message) => ({ ...message, partition: 0 })) });
  await send(0);
  ctl("kill", "leader-of struck-0", "--power-loss", "--restart-after-ms", "1000");
  await send(1);
  await producer.disconnect();
  await read("struck", "struck", 100);
}

for (const step of [admin, produce, consume, group, transaction, failover]) {
  await step();
  console.log(step.name);
}
