// SPDX-License-Identifier: MIT
// Agents of its own for a plan, configured as the global ones of this version of Node, which every
// client on top of Node's http uses by default.

import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';

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

/** Whether what fetch() trusts can be chosen while the process runs: since Node 22.19 and 24.5. */
export const canTrustForProcess = typeof tls.setDefaultCACertificates === 'function';

let usual = null;

/** For clients on top of fetch(), which has no option of its own for what is trusted. */
export function trustForProcess(plan) {
    if (plan.ca_file) {
        usual ??= tls.getCACertificates('default');
        tls.setDefaultCACertificates([...usual, fs.readFileSync(plan.ca_file, 'utf8')]);
    } else if (usual) {
        tls.setDefaultCACertificates(usual);
    }
}
