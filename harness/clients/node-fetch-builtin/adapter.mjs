// SPDX-License-Identifier: MIT
// The fetch() built into Node.

import { Readable } from 'node:stream';

import { main, refuseH2c, runtime } from './_node/adapterkit.mjs';
import { canTrustForProcess, trustForProcess } from './_node/agents.mjs';

// The undici within offers HTTP/2 over TLS by default since its version 8.
const offersHttp2 = Number.parseInt(process.versions.undici, 10) >= 8;

function body(request) {
    if (request.pauses.length > 0) {
        return { body: Readable.toWeb(Readable.from(request.bodyPieces())), duplex: 'half' };
    }
    return { body: request.body };
}

async function send(request, report) {
    const response = await fetch(request.url, {
        method: request.method,
        headers: request.headers,
        ...body(request),
        ...(request.timers.total_ms && { signal: AbortSignal.timeout(request.timers.total_ms) }),
    });
    report.response(response.status, response.statusText, [...response.headers]);
    report.body('');
    if (response.body) {
        for await (const chunk of response.body) {
            report.body(chunk);
        }
    }
}

main({
    client: 'node-fetch-builtin',
    version: process.versions.node,
    stack: runtime(),
    can: {
        http: offersHttp2 ? ['1.1', '2'] : ['1.1'],
        tls: canTrustForProcess,
        concurrent: true,
        timers: ['total_ms'],
        phases: true,
        body_stream: true,
    },
    open(plan) {
        refuseH2c(plan);
        trustForProcess(plan);
        return { send };
    },
});
