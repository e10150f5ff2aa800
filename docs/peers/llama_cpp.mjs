// Measures llama.cpp as the npm package node-llama-cpp ships it: reading a prompt of 512 tokens and decoding 32 after it.
//   npm install node-llama-cpp --ignore-scripts && node llama_cpp.mjs MODEL.gguf THREADS [RUNS]
// Prints one JSON line; medians, tokens per second of the clock and of processor time.
import {getLlama} from "node-llama-cpp";

const [path, threads, runs] = [process.argv[2], +process.argv[3], +(process.argv[4] ?? 3)];
const llama = await getLlama({gpu: false, build: "never", maxThreads: threads, logLevel: "error"});
const model = await llama.loadModel({modelPath: path, useMmap: true});
const context = await model.createContext({contextSize: 1024, batchSize: 512, threads, flashAttention: false});
const sequence = context.getSequence();
const prompt = Array.from({length: 512}, (_, i) => 300 + (i * 7919) % 31000);
const median = (a) => a.toSorted((x, y) => x - y)[a.length >> 1];

async function timed(n, work) {
    const cpu = process.cpuUsage(), begin = process.hrtime.bigint();
    await work();
    const used = process.cpuUsage(cpu);
    return {wall: n / (Number(process.hrtime.bigint() - begin) / 1e9), cpu: n / ((used.user + used.system) / 1e6)};
}

const prefill = [], decode = [];
for (let r = 0; r <= runs; r++) {
    await sequence.clearHistory();
    const p = await timed(512, () => sequence.evaluateWithoutGeneratingNewTokens(prompt));
    const d = await timed(32, async () => {
        let n = 0;
        for await (const _ of sequence.evaluate([400], {temperature: 0}))
            if (++n === 32) break;
    });
    if (r > 0) { prefill.push(p); decode.push(d); }
}
const show = (a) => ({tokens_per_s: +median(a.map((x) => x.wall)).toFixed(2), tokens_per_cpu_s: +median(a.map((x) => x.cpu)).toFixed(2)});
console.log(JSON.stringify({model: path, threads, cpu: llama.cpuMathCores, prefill: show(prefill), decode: show(decode)}));
await llama.dispose();
