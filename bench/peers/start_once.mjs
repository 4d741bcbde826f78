// SPDX-License-Identifier: MIT OR Apache-2.0
import { spawn } from 'node:child_process';

// {time, vector}: milliseconds from starting Node, with `env` besides its own, to the line with the vector.
export function startOnce(command, env) {
  return new Promise((done, failed) => {
    const start = performance.now();
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    let output = '',
      time;
    child.stdout.on('data', (data) => {
      output += data;
      if (output.includes('\n')) time ??= performance.now() - start;
    });
    child.on('close', (code) =>
      code === 0 && time ? done({ time, vector: JSON.parse(output) }) : failed(new Error(`${command[0]} ended with ${code}`)),
    );
  });
}
