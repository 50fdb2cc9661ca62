#lang racket/base

;; SPDX-License-Identifier: MIT

;; What Racket adapters share: plans in, events out, and how an exception is told.
;;
;; An adapter gives a function that plays one plan:
;;
;;     (adapter-main #:client "..." #:version (version) #:stack '() #:can (hash ...)
;;       (lambda (plan)
;;         (for-each-request plan
;;           (lambda (request report)
;;             (report-response! report status reason fields)   ; fields: a list of (name . value), bytes
;;             (report-body! report octets)))))
;;
;; A request is told ok where the function returns, failed where it raises exn:fail. `kinds` are
;; patterns for the words of the exception.

(require file/sha1 json net/base64 net/url-string racket/list racket/string)
(provide adapter-main for-each-request report-response! report-body! plan-requests plan-http plan-ca-file
         request-method request-url request-body request-headers)

(struct plan (id http ca-file body-limit requests put kinds phases))
(struct request (name method url body headers not-before-ms))
(struct report (plan request started [octets #:mutable] [phase #:mutable]))

(define plan-keys '(v plan http timers ca_file proxy body_limit requests))
(define request-keys
  '(name method url headers body_b64 body_pause_ms expect_continue start not_before_ms timers))
(define methods '("GET" "HEAD" "POST" "PUT" "PATCH" "DELETE" "OPTIONS" "PROPFIND" "MKCOL" "COPY"))

;; Words of Racket and of the operating system.
(define standard-kinds
  '((#rx"[Cc]onnection refused|connection failed" . "refused")
    (#rx"reset|Broken pipe|closed|unexpected eof|<eof>|#<eof>" . "closed")
    (#rx"ssl|certificate" . "tls")))

(define (now-ms) (current-inexact-milliseconds))

;; Octets that are no UTF-8 are told as Latin-1.
(define (text octets)
  (cond
    [(string? octets) octets]
    [(bytes->string/utf-8 octets (integer->char 0)) => (lambda (told)
       (if (bytes=? (string->bytes/utf-8 told) octets) told (bytes->string/latin-1 octets)))]))

(define (given values key [default #f])
  (define found (hash-ref values key (json-null)))
  (if (eq? found (json-null)) default found))

(define (tell! of event values)
  ((plan-put (report-plan of))
   (hash-set* values 'event event 'plan (plan-id (report-plan of))
              'request (request-name (report-request of)) 'at (now-ms))))

;; The client handed over a head as the response.
(define (report-response! of status reason fields)
  (tell! of "response"
         (hasheq 'status (or status (json-null)) 'reason (if reason (text reason) (json-null))
                 'fields (for/list ([field fields]) (list (text (car field)) (text (cdr field))))))
  (when (report-phase of) (set-report-phase! of "body")))

;; Content that the client handed over; may be called many times.
(define (report-body! of octets)
  (set-report-octets! of (bytes-append (or (report-octets of) #"") octets)))

(define (finish! of told failure)
  (define octets (report-octets of))
  (define kept
    (and octets (subbytes octets 0 (min (bytes-length octets) (plan-body-limit (report-plan of))))))
  (tell! of "end"
         (hasheq 'started (report-started of) 'told told 'error failure
                 'body_b64 (if octets (bytes->string/latin-1 (base64-encode kept #"")) (json-null))
                 'body_len (if octets (bytes-length octets) (json-null))
                 'body_sha256 (if octets (bytes->hex-string (sha256-bytes octets)) (json-null)))))

(define (describe of raised)
  (define words (exn-message raised))
  (define-values (type _skipped) (struct-info raised))
  (define kind
    (for/first ([one (append (plan-kinds (report-plan of)) standard-kinds)]
                #:when (regexp-match? (car one) words))
      (cdr one)))
  (hasheq 'kind (or kind "other") 'phase (or (report-phase of) (json-null))
          'type (if type (symbol->string (object-name type)) "exn:fail")
          'message (substring words 0 (min (string-length words) 2000))))

;; Gives each request with its report, no sooner than the plan says.
(define (for-each-request of send)
  (define first-at (now-ms))
  (for ([one (plan-requests of)])
    (define wait-ms (- (+ first-at (request-not-before-ms one)) (now-ms)))
    (when (positive? wait-ms) (sleep (/ wait-ms 1000)))
    (define told (report of one (now-ms) #f (and (plan-phases of) "head")))
    (define failure
      (with-handlers ([exn:fail? values])
        (send one told)
        #f))
    (if failure
        (finish! told "failed" (describe told failure))
        (finish! told "ok" (json-null)))))

(define (request-of values)
  (request (hash-ref values 'name) (hash-ref values 'method) (string->url (hash-ref values 'url))
           (let ([encoded (given values 'body_b64)])
             (and encoded (base64-decode (string->bytes/latin-1 encoded))))
           (for/list ([field (given values 'headers '())])
             (format "~a: ~a" (first field) (second field)))
           (given values 'not_before_ms 0)))

;; The first key and value of a plan that cannot be played; #f where the whole plan can.
(define (unsupported values can)
  (define (unknown-of found keys)
    (for/first ([(key value) found] #:unless (memq key keys)) (cons key value)))
  (define (timer-of found)
    (for/first ([(key value) (given found 'timers (hasheq))]
                #:unless (or (eq? value (json-null))
                             (member (symbol->string key) (hash-ref can 'timers))))
      (cons key value)))
  (or (unknown-of values plan-keys)
      (and (not (eqv? (hash-ref values 'v) 1)) (cons 'v (hash-ref values 'v)))
      (and (not (member (hash-ref values 'http) (hash-ref can 'http))) (cons 'http (hash-ref values 'http)))
      (and (given values 'proxy) (not (hash-ref can 'proxy)) (cons 'proxy (given values 'proxy)))
      (timer-of values)
      (for/or ([one (hash-ref values 'requests)])
        (or (unknown-of one request-keys)
            (timer-of one)
            (and (not (member (hash-ref one 'method) (hash-ref can 'methods)))
                 (cons 'method (hash-ref one 'method)))
            (and (string-prefix? (hash-ref one 'url) "https:") (not (hash-ref can 'tls)) (cons 'tls #t))
            (and (given one 'expect_continue) (cons 'expect_continue #t))
            (and (given one 'body_pause_ms) (cons 'body_pause_ms (given one 'body_pause_ms)))
            (and (not (equal? (given one 'start "after-previous") "after-previous"))
                 (cons 'start (given one 'start)))))))

;; Says hello, then plays the plans of standard input one at a time, until its end.
(define (adapter-main #:client client #:version version #:stack stack #:can given-can #:kinds [kinds '()] play)
  (define path (getenv "INTERIMSPEC_OUT"))
  (define out (if path (open-output-file path #:exists 'append) (current-output-port)))
  (define (put event)
    (write-string (if path "" "@interimspec ") out)
    (write-json (hash-set event 'v 1) out)
    (newline out)
    (flush-output out))
  (define can
    (for/fold ([all (hasheq 'http '("1.1") 'tls #f 'proxy #f 'timers '() 'second_request "none"
                            'not_before #t 'interim "none" 'phases #f 'expect_continue #f
                            'body_stream #f 'methods methods)])
              ([(key value) given-can])
      (hash-set all key value)))
  (put (hasheq 'event "hello" 'client client 'version version 'can can
               'stack (for/list ([layer stack]) (hasheq 'name (car layer) 'version (cdr layer)))))
  (for ([line (in-lines)])
    (define values (string->jsexpr line))
    (define id (hash-ref values 'plan))
    (define missing (unsupported values can))
    (if missing
        (put (hasheq 'event "unsupported" 'plan id 'what (symbol->string (car missing)) 'value (cdr missing)))
        (play (plan id (hash-ref values 'http) (given values 'ca_file) (given values 'body_limit 65536)
                    (map request-of (hash-ref values 'requests)) put kinds (hash-ref can 'phases))))
    (put (hasheq 'event "done" 'plan id))))
