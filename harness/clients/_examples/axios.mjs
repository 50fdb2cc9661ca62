// SPDX-License-Identifier: MIT
// Run: npm install axios@{version} && node client.mjs
import http from "node:http";
import axios from "axios";

const client = axios.create({ httpAgent: new http.Agent({ keepAlive: true }), timeout: 5000 });
for (const url of process.argv.slice(2)) {
  try {
    const response = await client.get(url, { responseType: "text" });
    console.log(url, response.status, response.data);
  } catch (error) {
    console.log(url, String(error));
  }
}
process.exit();
