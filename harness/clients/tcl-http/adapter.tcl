# SPDX-License-Identifier: MIT

# The http package: http::geturl without -command, which waits. Argument --keepalive: -keepalive 1.

source [file join [file dirname [info script]] .. _tcl adapterkit.tcl]
package require http
package require tls

set keepalive [expr {"--keepalive" in $argv}]

proc options {plan request} {
    set options [list -method [dict get $request method] -binary 1 -keepalive $::keepalive]
    set timeout [adapterkit::timer total_ms]
    if {$timeout ne ""} {
        lappend options -timeout $timeout
    }
    set headers [concat {*}[adapterkit::get $request headers {}]]
    set content [adapterkit::get $request body_b64 none]
    if {$content ne "none"} {
        lappend options -query [binary decode base64 $content]
        foreach {name value} $headers {
            if {[string equal -nocase $name Content-Type]} {
                lappend options -type $value
            }
        }
    }
    if {[llength $headers]} {
        lappend options -headers $headers
    }
    return $options
}

proc send {plan request} {
    if {[string match https:* [dict get $request url]]} {
        http::register https 443 [list ::tls::socket -autoservername true -require true \
            -cafile [adapterkit::get $plan ca_file ""]]
    }
    set token [http::geturl [dict get $request url] {*}[options $plan $request]]
    try {
        set status [http::status $token]
        if {$status ne "ok"} {
            set kind [dict get {timeout timeout eof closed reset closed error other} $status]
            adapterkit::fail $kind "status $status" [lindex [http::error $token] 0]
        }
        set reason [regsub {^\S+ \d+ ?} [http::code $token] ""]
        adapterkit::response [http::ncode $token] $reason [http::meta $token]
        adapterkit::body [http::data $token]
    } finally {
        http::cleanup $token
    }
}

adapterkit::main tcl-http [package require http] [list tcltls [package require tls] {*}[adapterkit::runtime]] \
    [list tls true timers total_ms second_request [expr {$keepalive ? "pooled" : "new-connection"}]] send
