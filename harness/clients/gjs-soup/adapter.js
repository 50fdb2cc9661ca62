// SPDX-License-Identifier: MIT

// Soup from GJS: a Soup.Session for each plan, send_and_read_async() for each request, as the guide to
// GNOME JavaScript has it.

imports.gi.versions.Soup = "3.0";
const {Gio, GLib, Soup} = imports.gi;
const System = imports.system;

Gio._promisify(Gio.DataInputStream.prototype, "read_line_async", "read_line_finish");
Gio._promisify(Soup.Session.prototype, "send_and_read_async", "send_and_read_finish");

const input = new Gio.DataInputStream({base_stream: new Gio.UnixInputStream({fd: 0, close_fd: false})});
const output = new Gio.UnixOutputStream({fd: 1, close_fd: false});

function say(line) {
    // A field's octets that are not UTF-8 come as characters; the lines want octets.
    output.write_all(Uint8Array.from(`@${line}\n`, (letter) => letter.charCodeAt(0) & 0xff), null);
}

function fromHex(digits) {
    return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function toHex(octets) {
    return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

function open(facts) {
    const session = new Soup.Session();
    if (facts.ca_file) session.tls_database = Gio.TlsFileDatabase.new(facts.ca_file);
    if (facts.proxy) session.proxy_resolver = Gio.SimpleProxyResolver.new(facts.proxy, null);
    return session;
}

function tellFields(headers) {
    headers.foreach((name, value) => say(`field ${name}: ${value}`));
}

function tellFailure(error) {
    let kind = "other";
    if (error instanceof Gio.IOErrorEnum) {
        if (error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT)) kind = "timeout";
        if (error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.CONNECTION_REFUSED)) kind = "refused";
        if (error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.CONNECTION_CLOSED)) kind = "closed";
        if (error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.PARTIAL_INPUT)) kind = "closed";
    } else if (error instanceof Gio.TlsError) {
        kind = "tls";
    } else if (error instanceof Soup.SessionError) {
        if ([Soup.SessionError.PARSING, Soup.SessionError.ENCODING].includes(error.code)) kind = "protocol";
        if ([Soup.SessionError.TOO_MANY_REDIRECTS, Soup.SessionError.TOO_MANY_RESTARTS].includes(error.code))
            kind = "limit";
    }
    const type = `${GLib.quark_to_string(error.domain)}:${error.code}`;
    say(`failed ${kind} ${type} ${error.message.replaceAll("\n", " ")}`);
}

async function send(session, facts, fields) {
    const message = Soup.Message.new(facts.method, facts.url);
    for (const [name, value] of fields) message.request_headers.append(name, value);
    if ("content" in facts) {
        const type = fields.find(([name]) => name.toLowerCase() === "content-type");
        message.set_request_body_from_bytes(type ? type[1] : null, GLib.Bytes.new(fromHex(facts.content)));
    }
    if ("expect_continue" in facts) message.request_headers.set_expectations(Soup.Expectation.CONTINUE);
    if (facts.read_ms) session.timeout = Math.ceil(facts.read_ms / 1000);
    message.connect("got-informational", () => {
        tellFields(message.response_headers);
        say(`interim ${message.status_code}`);
    });
    try {
        const bytes = await session.send_and_read_async(message, GLib.PRIORITY_DEFAULT, null);
        tellFields(message.response_headers);
        say(`response ${message.status_code} ${message.reason_phrase}`);
        say(`content ${toHex(bytes.get_data() ?? [])}`);
        say("ok");
    } catch (error) {
        if (!(error instanceof GLib.Error)) throw error;
        tellFailure(error);
    }
}

async function readBlock() {
    const facts = {};
    const fields = [];
    const verb = await readLine();
    if (verb === null) return null;
    for (let line = await readLine(); line; line = await readLine()) {
        const [, word, rest] = line.match(/^(\S+) ?(.*)$/);
        if (word === "field") fields.push([rest.slice(0, rest.indexOf(":")), rest.slice(rest.indexOf(":") + 2)]);
        else facts[word] = rest;
    }
    return {verb, facts, fields};
}

async function readLine() {
    const [octets] = await input.read_line_async(GLib.PRIORITY_DEFAULT, null);
    return octets === null ? null : new TextDecoder("latin1").decode(octets);
}

async function main() {
    say(`version ${Soup.get_major_version()}.${Soup.get_minor_version()}.${Soup.get_micro_version()}`);
    const gjs = String(System.version).match(/^(\d+)(\d\d)(\d\d)$/).slice(1).map(Number);
    say(`layer gjs ${gjs.join(".")}`);
    say("ready");
    let session = null;
    for (let block = await readBlock(); block !== null; block = await readBlock()) {
        if (block.verb === "open") session = open(block.facts);
        if (block.verb === "request") await send(session, block.facts, block.fields);
        if (block.verb === "close") {
            session.abort();
            say("closed");
        }
    }
}

const loop = new GLib.MainLoop(null, false);
let fault = null;
main()
    .catch((error) => {
        fault = error;
    })
    .finally(() => loop.quit());
loop.run();
if (fault) {
    printerr(fault, fault.stack);
    System.exit(1);
}
