// Runs no-op jobs with BullMQ: `node bullmq.mjs PORT JOBS CONCURRENCY`. All are added first, then the worker begins; one
// line of JSON says how long it took from there until the last was completed, and the processor time of this process.
import { Queue, Worker } from "bullmq";

const [port, jobs, concurrency] = process.argv.slice(2).map(Number);
const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null };
const name = `noop-${process.pid}`;
const queue = new Queue(name, { connection });
await queue.waitUntilReady();
for (let first = 0; first < jobs; first += 100) {
  const number = Math.min(100, jobs - first);
  await queue.addBulk(Array.from({ length: number }, (_, at) => ({ name: "noop", data: first + at })));
}

let completed = 0;
let over;
const all = new Promise((resolve) => (over = resolve));
const worker = new Worker(name, async () => {}, { autorun: false, concurrency, connection });
worker.on("completed", () => (completed += 1) === jobs && over());
await worker.waitUntilReady();
const cpu = process.cpuUsage();
const begin = process.hrtime.bigint();
worker.run();
await all;
const nanos = Number(process.hrtime.bigint() - begin);
const used = process.cpuUsage(cpu);
const counts = await queue.getJobCounts("completed");
console.log(JSON.stringify({ nanos, cpu_micros: used.user + used.system, completed: counts.completed }));
await worker.close();
await queue.obliterate({ force: true });
await queue.close();
