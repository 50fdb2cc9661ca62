# SPDX-License-Identifier: MIT

# What Tcl adapters share: plans in, events out, and how a failure is told.
#
# An adapter gives a command that sends one request and tells what its user is told:
#
#     adapterkit::main $client $version $stack $can send
#     proc send {plan request} {
#         adapterkit::response $status $reason $fields      ;# a flat list: name value ...
#         adapterkit::body $octets
#     }
#
# A request is told ok where the command returns, failed where it raises an error. The kind is the
# second word of an errorCode {ADAPTER kind}; errorCodes of the system are known here.

package require Tcl 8.6
package require json
package require json::write
package require sha256

namespace eval adapterkit {
    variable out stdout mark "@interimspec " request {} plan {} told {}
    variable planKeys {v plan http timers ca_file proxy body_limit requests}
    variable requestKeys {name method url headers body_b64 body_pause_ms expect_continue start
        not_before_ms timers}
    json::write indented 0
}

proc adapterkit::now {} {
    return [expr {[clock microseconds] / 1000.0}]
}

proc adapterkit::runtime {} {
    return [list tcl [info patchlevel]]
}

proc adapterkit::string {text} {
    return [json::write string $text]
}

proc adapterkit::strings {list} {
    return [json::write array {*}[lmap item $list {string $item}]]
}

proc adapterkit::orNull {value} {
    return [expr {$value eq "" ? "null" : [string $value]}]
}

# Writes one event; values are JSON already.
proc adapterkit::put {args} {
    variable out
    variable mark
    puts $out "$mark[json::write object v 1 {*}$args]"
    flush $out
}

proc adapterkit::tell {event args} {
    variable plan
    variable request
    put event [string $event] plan [string [dict get $plan plan]] \
        request [string [dict get $request name]] at [now] {*}$args
}

# The client handed over a head as the response.
proc adapterkit::response {status reason fields} {
    set pairs [lmap {name value} $fields {strings [list $name $value]}]
    tell response status [expr {[::string is integer -strict $status] ? $status : "null"}] reason [orNull $reason] \
        fields [json::write array {*}$pairs]
}

# The content that the client handed over.
proc adapterkit::body {octets} {
    variable told
    variable plan
    set limit [expr {[dict exists $plan body_limit] ? [dict get $plan body_limit] : 65536}]
    set kept [binary encode base64 [::string range $octets 0 $limit-1]]
    set told [list body_b64 [string $kept] body_len [::string length $octets] \
        body_sha256 [string [sha2::sha256 -hex $octets]]]
}

# Raises a failure that the client tells by a value.
proc adapterkit::fail {kind type message {status null}} {
    return -code error -errorcode [list ADAPTER $kind $type $status] $message
}

proc adapterkit::described {message code} {
    lassign $code family kind type status
    if {$family ne "ADAPTER"} {
        set status null
        set type [expr {$code eq "NONE" ? "error" : [join [lrange $code 0 1]]}]
        switch -glob $code {
            {POSIX ECONNREFUSED *} {set kind refused}
            {POSIX ECONNRESET *} - {POSIX EPIPE *} {set kind closed}
            {POSIX ETIMEDOUT *} {set kind timeout}
            default {set kind [expr {[::string match {*connection refused*} $message] ? "refused" : "other"}]}
        }
    }
    set pairs [list kind [string $kind] type [string $type] \
        message [string [::string range $message 0 1999]]]
    if {$kind eq "status"} {
        lappend pairs status $status
    }
    return [json::write object {*}$pairs]
}

# A timer of the request, or else of the plan, in milliseconds; empty where it is not to be set.
proc adapterkit::timer {name} {
    variable plan
    variable request
    set found {}
    foreach owner [list $plan $request] {
        if {[dict exists $owner timers $name]} {
            set found [dict get $owner timers $name]
        }
    }
    return [expr {$found eq "null" ? "" : $found}]
}

proc adapterkit::get {owner key default} {
    if {![dict exists $owner $key] || [dict get $owner $key] eq "null"} {
        return $default
    }
    return [dict get $owner $key]
}

# The first key and value of a plan that cannot be played; empty where the whole plan can.
proc adapterkit::unsupported {values can} {
    variable planKeys
    variable requestKeys
    foreach key [dict keys $values] {
        if {$key ni $planKeys} {return [list $key ""]}
    }
    if {[dict get $values v] ne "1"} {return [list v [dict get $values v]]}
    if {[dict get $values http] ni [dict get $can http]} {return [list http [dict get $values http]]}
    if {[get $values proxy ""] ne "" && ![dict get $can proxy]} {return [list proxy [dict get $values proxy]]}
    foreach one [dict get $values requests] {
        foreach key [dict keys $one] {
            if {$key ni $requestKeys} {return [list $key ""]}
        }
        foreach timers [list [get $values timers {}] [get $one timers {}]] {
            dict for {name value} $timers {
                if {$value ne "null" && $name ni [dict get $can timers]} {return [list $name $value]}
            }
        }
        if {[dict get $one method] ni [dict get $can methods]} {return [list method [dict get $one method]]}
        if {[::string match https:* [dict get $one url]] && ![dict get $can tls]} {return {tls true}}
        if {[get $one expect_continue false]} {return {expect_continue true}}
        if {[get $one body_pause_ms ""] ne ""} {return {body_pause_ms ""}}
        if {[get $one start after-previous] ne "after-previous"} {return [list start [dict get $one start]]}
    }
    return {}
}

proc adapterkit::play {values send} {
    variable plan $values
    variable request
    variable told
    set firstAt [now]
    foreach request [dict get $values requests] {
        set wait [expr {ceil($firstAt + [get $request not_before_ms 0] - [now])}]
        if {$wait > 0} {after [expr {int($wait)}]}
        set told {body_b64 null body_len null body_sha256 null}
        set started [now]
        if {[catch {$send $plan $request} message options]} {
            set error [described $message [dict get $options -errorcode]]
            tell end started $started told [string failed] {*}$told error $error
        } else {
            tell end started $started told [string ok] {*}$told error null
        }
    }
}

# Says hello, then plays the plans of standard input one at a time, until its end.
proc adapterkit::main {client version stack can send} {
    variable out
    variable mark
    if {[info exists ::env(INTERIMSPEC_OUT)]} {
        set out [open $::env(INTERIMSPEC_OUT) w]
        set mark ""
    }
    fconfigure $out -encoding utf-8
    fconfigure stdin -encoding utf-8
    set can [dict merge {http 1.1 tls false proxy false timers {} second_request none not_before true
        interim none phases false expect_continue false body_stream false
        methods {GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND MKCOL COPY}} $can]
    set abilities {}
    dict for {key value} $can {
        switch $key {
            http - timers - methods {lappend abilities $key [strings $value]}
            second_request - interim {lappend abilities $key [string $value]}
            default {lappend abilities $key $value}
        }
    }
    set layers [lmap {name number} $stack {json::write object name [string $name] version [string $number]}]
    put event [string hello] client [string $client] version [string $version] \
        stack [json::write array {*}$layers] can [json::write object {*}$abilities]
    while {[gets stdin line] >= 0} {
        set values [json::json2dict $line]
        set id [string [dict get $values plan]]
        set missing [unsupported $values $can]
        if {[llength $missing]} {
            put event [string unsupported] plan $id what [string [lindex $missing 0]] \
                value [string [lindex $missing 1]]
        } else {
            play $values $send
        }
        put event [string done] plan $id
    }
}
