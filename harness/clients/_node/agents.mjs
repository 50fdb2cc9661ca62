// SPDX-License-Identifier: MIT
// Agents of its own for a plan, configured as the global ones of this version of Node, which every
// client on top of Node's http uses by default.

import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';

export function freshAgents(plan) {
    const ca = plan.ca_file ? fs.readFileSync(plan.ca_file) : undefined;
    const agents = {
        http: new http.Agent({ ...http.globalAgent.options }),
        https: new https.Agent({ ...https.globalAgent.options, ...(ca && { ca }) }),
    };
    return {
        ...agents,
        of: (url) => (url.startsWith('https:') ? agents.https : agents.http),
        destroy() {
            agents.http.destroy();
            agents.https.destroy();
        },
    };
}
