// nodemailer's pool as its guide shows it; it has no queue on disk and keeps no log.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const env = process.env;
const nodemailer = require(path.join(env.BENCH_WORK, "node", "node_modules", "nodemailer"));
const letters = Number(env.BENCH_LETTERS);
const headers = 600;

function text(number) {
  const words = `${env.BENCH_TEXT}\n\nHope is what letter ${number} asks for.\n`;
  const missing = Math.max(0, Number(env.BENCH_SIZE) - headers - Buffer.byteLength(words));
  return words + "\n" + "Let them travel on in safety.\n".repeat(missing / 30 + 1).slice(0, missing) + "\n";
}

const transport = nodemailer.createTransport({
  pool: true,
  host: "127.0.0.1",
  port: Number(env.BENCH_PORT),
  ignoreTLS: true,
  maxConnections: Number(env.BENCH_LINES),
  maxMessages: Infinity,
});

let begun = 0;
let done = 0;
const began = process.hrtime.bigint();
const before = process.cpuUsage();

function report() {
  const used = process.cpuUsage(before);
  const peak = /VmHWM:\s*(\d+) kB/.exec(fs.readFileSync("/proc/self/status", "utf8"));
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const cpuSeconds = (used.user + used.system) / 1e6;
  console.log(JSON.stringify({ seconds, cpu_seconds: cpuSeconds, peak_mb: Number(peak[1]) / 1024 }));
}

transport.on("idle", () => {
  while (transport.isIdle() && begun < letters) {
    const number = begun++;
    const letter = {
      from: "Jane Doe via Save North Korean Refugees Day <letters@bench.internal>",
      to: `mission-${number % 170}@dest.example`,
      replyTo: `Jane Doe <supporter-${number}@example.net>`,
      subject: `A request for the safe passage of refugees, letter ${number}`,
      text: text(number),
    };
    transport.sendMail(letter, (error) => {
      if (error) throw error;
      if (++done === letters) {
        report();
        transport.close();
      }
    });
  }
});
