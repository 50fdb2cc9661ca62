// SPDX-License-Identifier: MIT
// The fetch() built into Node.

import { Readable } from 'node:stream';

import { main, runtime } from './_node/adapterkit.mjs';

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
        timers: ['total_ms'],
        phases: true,
        body_stream: true,
    },
    open: () => ({ send }),
});
