// SPDX-License-Identifier: MIT
// Run: npm install undici@{version} && node client.mjs
import { Agent } from "undici";

const agent = new Agent({ headersTimeout: 5000, bodyTimeout: 5000 });
for (const url of process.argv.slice(2)) {
  try {
    const { origin, pathname: path } = new URL(url);
    const response = await agent.request({ origin, path, method: "GET" });
    console.log(url, response.statusCode, await response.body.text());
  } catch (error) {
    console.log(url, error);
  }
}
await agent.destroy();
