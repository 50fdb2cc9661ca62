// SPDX-License-Identifier: MIT

/// std.net.curl: one HTTP for each plan, given to get(), post(), put(), options() and patch(), as the
/// module's documentation has it.
module adapter;

import core.time : msecs;
import std.algorithm : map, startsWith;
import std.array : array, replace;
import std.conv : to;
import std.net.curl;
import std.range : chunks;
import std.stdio : readln, stdout, writefln;
import std.string : chomp, indexOf;
import std.typecons : Tuple, tuple;

alias Field = Tuple!(string, "name", string, "value");

void say(Args...)(string words, Args args)
{
    writefln("@" ~ words, args);
    stdout.flush();
}

ubyte[] fromHex(string digits)
{
    return digits.chunks(2).map!(pair => pair.to!string.to!ubyte(16)).array;
}

HTTP open(string[string] facts)
{
    auto http = HTTP();
    if (auto file = "ca_file" in facts) http.caInfo = *file;
    if (auto proxy = "proxy" in facts) http.proxy = *proxy;
    return http;
}

void prepare(ref HTTP http, string[string] facts, Field[] fields)
{
    http.clearRequestHeaders();
    foreach (field; fields) http.addRequestHeader(field.name, field.value);
    if (auto ms = "connect_ms" in facts) http.connectTimeout = (*ms).to!long.msecs;
    if (auto ms = "read_ms" in facts) http.dataTimeout = (*ms).to!long.msecs;
    if (auto ms = "total_ms" in facts) http.operationTimeout = (*ms).to!long.msecs;
}

const(ubyte)[] call(ref HTTP http, string[string] facts)
{
    const url = facts["url"];
    auto content = fromHex(facts.get("content", ""));
    switch (facts["method"])
    {
        case "GET": return get!(HTTP, ubyte)(url, http);
        case "POST": return post!ubyte(url, content, http);
        case "PUT": return put!(HTTP, ubyte)(url, content, http);
        case "PATCH": return patch!ubyte(url, content, http);
        case "OPTIONS": return options!ubyte(url, http);
        default: assert(false, facts["method"]);
    }
}

void send(ref HTTP http, string[string] facts, Field[] fields)
{
    prepare(http, facts, fields);
    try
    {
        const content = call(http, facts);
        foreach (name, value; http.responseHeaders) say("field %s: %s", name, value);
        say("response %d %s", http.statusLine.code, http.statusLine.reason);
        say("content %(%02x%)", content);
        say("ok");
    }
    catch (HTTPStatusException error)
    {
        say("status %d", error.status);
        say("failed status %s %s", typeid(error).name, error.msg);
    }
    catch (CurlTimeoutException error)
    {
        say("failed timeout %s %s", typeid(error).name, error.msg);
    }
    catch (CurlException error)
    {
        say("failed %s %s %s", kind(error.msg), typeid(error).name, error.msg.replace("\n", " "));
    }
}

/// CurlException has no code: what libcurl says is at the beginning of its words.
string kind(string message)
{
    enum kinds = [
        tuple("Couldn't connect", "refused"), tuple("Server returned nothing", "closed"),
        tuple("Failure when receiving", "closed"), tuple("Transferred a partial file", "closed"),
        tuple("Failed sending", "closed"), tuple("SSL", "tls"), tuple("Weird server reply", "protocol"),
        tuple("Unsupported protocol", "protocol"), tuple("Error in the HTTP2", "protocol"),
    ];
    foreach (one; kinds) if (message.startsWith(one[0])) return one[1];
    return "other";
}

void main()
{
    say("version %d.%03d", __VERSION__ / 1000, __VERSION__ % 1000);
    say("layer libcurl %s", curlVersion());
    say("ready");
    HTTP http;
    while (true)
    {
        const verb = readln().chomp;
        if (verb == "") break;
        string[string] facts;
        Field[] fields;
        for (auto line = readln().chomp; line != ""; line = readln().chomp)
        {
            const space = line.indexOf(' ');
            const word = space < 0 ? line : line[0 .. space], rest = space < 0 ? "" : line[space + 1 .. $];
            const colon = rest.indexOf(':');
            if (word == "field") fields ~= Field(rest[0 .. colon], rest[colon + 2 .. $]);
            else facts[word] = rest;
        }
        if (verb == "open") http = open(facts);
        if (verb == "request") send(http, facts, fields);
        if (verb == "close")
        {
            http.shutdown();
            say("closed");
        }
    }
}

extern (C) alias Ask = const(char)* function();

/// std.net.curl loads the first libcurl that it finds; the same one is asked.
string curlVersion()
{
    import core.sys.posix.dlfcn : RTLD_LAZY, RTLD_NOLOAD, dlopen, dlsym;
    import std.regex : matchFirst;
    import std.string : fromStringz;

    HTTP();
    foreach (name; ["libcurl.so.4", "libcurl-gnutls.so.4", "libcurl-nss.so.4"])
        if (auto library = dlopen(name.ptr, RTLD_LAZY | RTLD_NOLOAD))
        {
            auto ask = cast(Ask) dlsym(library, "curl_version");
            return ask().fromStringz.matchFirst(`libcurl/(\S+)`)[1].idup;
        }
    return "unknown";
}
