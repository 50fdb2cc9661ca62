// SPDX-License-Identifier: MIT
// node-fetch 2 and 3, which differ in their timer: an option in 2, a signal in 3.

import { Readable } from 'node:stream';

import fetch, { AbortError } from 'node-fetch';

import { as, httpRuntime, main, packageVersion } from './_node/adapterkit.mjs';
import { freshAgents } from './_node/agents.mjs';

const version = packageVersion('node-fetch');
const hasTimeoutOption = version.startsWith('2.');

function timer(totalMs) {
    if (!totalMs) {
        return {};
    }
    return hasTimeoutOption ? { timeout: totalMs } : { signal: AbortSignal.timeout(totalMs) };
}

/** FetchError tells kinds by `type`; the signal is only ever that of the timer. */
function kinded(error) {
    const isAbort = AbortError ? error instanceof AbortError : error.name === 'AbortError';
    if (isAbort || ['request-timeout', 'body-timeout'].includes(error.type)) {
        return as('timeout', error);
    }
    if (error.type === 'max-redirect' || error.type === 'max-size') {
        return as('limit', error);
    }
    return error;
}

/** An agent is given for what is trusted besides, and else none: the global one is the default. */
async function send(request, report, agents) {
    try {
        const response = await fetch(request.url, {
            method: request.method,
            headers: request.headers,
            ...(agents && { agent: agents.https }),
            ...(request.body && {
                body: request.pauses.length > 0
                    ? Readable.from(request.bodyPieces()) : request.body,
            }),
            ...timer(request.timers.total_ms),
        });
        report.response(response.status, response.statusText, [...response.headers]);
        if (hasTimeoutOption) {
            // The timer of version 2 is for reading the body as a whole.
            report.body(await response.buffer());
            return;
        }
        report.body('');
        for await (const chunk of response.body) {
            report.body(chunk);
        }
    } catch (error) {
        throw kinded(error);
    }
}

main({
    client: 'node-fetch',
    version,
    stack: httpRuntime(),
    can: {
        tls: true,
        timers: ['total_ms'],
        phases: true,
        body_stream: true,
    },
    open(plan) {
        const agents = plan.ca_file ? freshAgents(plan) : null;
        return {
            send: (request, report) => send(request, report, agents),
            close: () => agents?.destroy(),
        };
    },
});
