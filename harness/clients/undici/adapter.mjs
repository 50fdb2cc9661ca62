// SPDX-License-Identifier: MIT
// undici's request() with an Agent of its own for each plan.

import fs from 'node:fs';
import { Readable } from 'node:stream';

import { Agent, request as undiciRequest } from 'undici';

import {
    as, httpRuntime, main, objectPairs, packageVersion, refuseH2c,
} from './_node/adapterkit.mjs';

const version = packageVersion('undici');
const hasHttp2 = Number.parseInt(version, 10) >= 5;

function open(plan) {
    refuseH2c(plan);
    const connect = {
        ...(plan.ca_file && { ca: fs.readFileSync(plan.ca_file) }),
        ...(plan.timers.connect_ms && { timeout: plan.timers.connect_ms }),
    };
    const dispatcher = new Agent({
        ...(Object.keys(connect).length > 0 && { connect }),
        // Whether HTTP/2 is offered over TLS by default depends on the version.
        ...(hasHttp2 && plan.requests[0].url.startsWith('https:')
            && { allowH2: plan.http === '2' }),
    });
    return {
        send: (request, report) => send(request, report, dispatcher),
        close: () => dispatcher.destroy(),
    };
}

async function exchange(request, report, dispatcher) {
    const { read_ms: readMs, total_ms: totalMs } = request.timers;
    const { statusCode, statusText, headers, body } = await undiciRequest(request.url, {
        dispatcher,
        method: request.method,
        headers: request.headerObject(),
        body: request.pauses.length > 0 ? Readable.from(request.bodyPieces()) : request.body,
        ...(readMs && { headersTimeout: readMs, bodyTimeout: readMs }),
        ...(totalMs && { signal: AbortSignal.timeout(totalMs) }),
        onInfo: (info) => report.interim(info.statusCode, objectPairs(info.headers)),
    });
    report.response(statusCode, statusText, objectPairs(headers));
    report.body('');
    for await (const chunk of body) {
        report.body(chunk);
    }
}

/** The signal is only ever that of the timer; version 5 does not hand on its reason. */
async function send(request, report, dispatcher) {
    try {
        await exchange(request, report, dispatcher);
    } catch (error) {
        throw error.name === 'AbortError' ? as('timeout', error) : error;
    }
}

main({
    client: 'undici',
    version,
    stack: httpRuntime(),
    can: {
        http: hasHttp2 ? ['1.1', '2'] : ['1.1'],
        tls: true,
        concurrent: true,
        timers: ['connect_ms', 'read_ms', 'total_ms'],
        interim: 'fields',
        phases: true,
        body_stream: true,
    },
    open,
});
