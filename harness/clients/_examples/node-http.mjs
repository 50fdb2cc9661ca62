// SPDX-License-Identifier: MIT
// Run: node client.mjs
import http from "node:http";

const agent = new http.Agent({ keepAlive: true });
for (const url of process.argv.slice(2)) {
  await new Promise((resolve) => {
    const request = http.get(url, { agent, timeout: 5000 }, (response) => {
      let text = "";
      response.on("data", (piece) => (text += piece));
      response.on("end", () => resolve(console.log(url, response.statusCode, text)));
      response.on("error", (error) => resolve(console.log(url, error)));
    });
    request.on("timeout", () => request.destroy(new Error("timeout")));
    request.on("error", (error) => resolve(console.log(url, error)));
  });
}
process.exit();
