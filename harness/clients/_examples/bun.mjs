// SPDX-License-Identifier: MIT
// Run: bun client.mjs
const addresses = globalThis.Deno?.args ?? process.argv.slice(2);
for (const url of addresses) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
    console.log(url, response.status, await response.text());
  } catch (error) {
    console.log(url, error);
  }
}
