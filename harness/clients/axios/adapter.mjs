// SPDX-License-Identifier: MIT
// axios on Node: its default adapter there is the one on top of Node's http.

import { Readable } from 'node:stream';

import axios from 'axios';

import { freshAgents } from './_node/agents.mjs';
import { as, httpRuntime, main, objectPairs, runtime } from './_node/adapterkit.mjs';

// `--adapter=fetch` asks for the other adapter that axios has on Node.
const adapter = process.argv.find((word) => word.startsWith('--adapter='))?.split('=')[1];

function open(plan) {
    const agents = freshAgents(plan);
    const client = axios.create({
        httpAgent: agents.http, httpsAgent: agents.https, ...(adapter && { adapter }),
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
        report.response(response.status, response.statusText, objectPairs(response.headers));
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
        tls: adapter !== 'fetch',
        timers: ['total_ms'],
        body_stream: true,
    },
    open,
});
