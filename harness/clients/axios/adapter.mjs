// SPDX-License-Identifier: MIT
// axios on Node: its default adapter there is the one on top of Node's http.

import { Readable } from 'node:stream';

import axios from 'axios';

import { as, httpRuntime, main, objectPairs, refuseH2c, runtime } from './_node/adapterkit.mjs';
import { freshAgents, trustForProcess } from './_node/agents.mjs';

// `--adapter=fetch` asks for the other adapter that axios has on Node.
const adapter = process.argv.find((word) => word.startsWith('--adapter='))?.split('=')[1];

// `--http2` asks for HTTP/2, whose sessions are those of the process, kept for a second.
const asksHttp2 = process.argv.includes('--http2');

const HTTP = { fetch: ['1.1', '2'], http2: ['2'], usual: ['1.1'] };

function http2Options(agents) {
    if (!asksHttp2) {
        return {};
    }
    const { ca } = agents.https.options;
    return { httpVersion: 2, http2Options: ca ? { ca } : {} };
}

function open(plan) {
    if (adapter === 'fetch') {
        refuseH2c(plan);
        trustForProcess(plan);
    }
    const agents = freshAgents(plan);
    const client = axios.create({
        httpAgent: agents.http, httpsAgent: agents.https, ...(adapter && { adapter }),
        ...http2Options(agents),
    });
    return {
        send: (request, report) => send(request, report, client),
        close: () => agents.destroy(),
    };
}

/** axios tells kinds by `code`; what it says of a status it says in its message alone. */
function kinded(error, report) {
    if (!axios.isAxiosError(error)) {
        return error;
    }
    if (/^Request failed with status code/.test(error.message)) {
        report.body(error.response.data);
        return as('status', error, error.response.status);
    }
    if (error.code === 'ERR_FR_TOO_MANY_REDIRECTS') {
        return as('limit', error);
    }
    if (/^(response )?stream (has been )?aborted$/.test(error.message)) {
        return as('closed', error);
    }
    if (error.code === 'ECONNABORTED') {
        return as('timeout', error);
    }
    return error;
}

/** Over HTTP/2 the pseudo-header fields are among the others. */
function fields(headers) {
    return objectPairs(headers).filter(([name]) => !name.startsWith(':'));
}

async function send(request, report, client) {
    try {
        const response = await client.request({
            method: request.method,
            url: request.url,
            headers: request.headerObject(),
            responseType: 'arraybuffer',
            ...(request.body && {
                data: request.pauses.length > 0
                    ? Readable.from(request.bodyPieces()) : request.body,
            }),
            ...(request.timers.total_ms && { timeout: request.timers.total_ms }),
        });
        report.response(response.status, response.statusText, fields(response.headers));
        report.body(response.data);
    } catch (error) {
        throw kinded(error, report);
    }
}

main({
    client: 'axios',
    version: axios.VERSION,
    stack: adapter === 'fetch' ? runtime() : httpRuntime(),
    can: {
        // The fetch() within this Node offers HTTP/2 over TLS by itself.
        http: HTTP[adapter ?? (asksHttp2 ? 'http2' : 'usual')],
        tls: true,
        concurrent: true,
        timers: ['total_ms'],
        body_stream: true,
    },
    open,
});
