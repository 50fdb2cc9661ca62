;; SPDX-License-Identifier: MIT

;; What Guile adapters share: plans in, events out, and how an exception is told.
;;
;; An adapter gives a procedure that plays one plan:
;;
;;     (adapter-main "client" version stack can
;;       (lambda (plan)
;;         (for-each-request plan
;;           (lambda (request report)
;;             (report-response! report status reason fields)   ; fields: a list of (name . value)
;;             (report-body! report octets)))))                 ; a bytevector
;;
;; A request is told ok where the procedure returns, failed where it throws. `can` is an alist that
;; is laid over what no client can do.

(define-module (adapterkit)
  #:use-module (gcrypt base16)
  #:use-module (gcrypt base64)
  #:use-module (gcrypt hash)
  #:use-module (ice-9 exceptions)
  #:use-module (ice-9 format)
  #:use-module (ice-9 match)
  #:use-module (ice-9 rdelim)
  #:use-module (ice-9 textual-ports)
  #:use-module (json)
  #:use-module (rnrs bytevectors)
  #:use-module (srfi srfi-1)
  #:use-module (srfi srfi-9)
  #:use-module (web http)
  #:export (adapter-main for-each-request report-response! report-body!
            request-method request-url request-headers request-body))

(define plan-keys '("v" "plan" "http" "timers" "ca_file" "proxy" "body_limit" "requests"))
(define request-keys
  '("name" "method" "url" "headers" "body_b64" "body_pause_ms" "expect_continue" "start"
    "not_before_ms" "timers"))
(define methods
  #("GET" "HEAD" "POST" "PUT" "PATCH" "DELETE" "OPTIONS" "PROPFIND" "MKCOL" "COPY"))

(define-record-type <plan>
  (make-plan values put phases)
  plan? (values plan-values) (put plan-put) (phases plan-phases))

(define-record-type <report>
  (make-report plan request started octets phase)
  report? (plan report-plan) (request report-request) (started report-started)
  (octets report-octets set-report-octets!) (phase report-phase set-report-phase!))

(define (given values key default)
  (match (assoc-ref values key)
    ((or #f 'null) default)
    (value value)))

(define (plan-requests plan) (vector->list (assoc-ref (plan-values plan) "requests")))
(define (request-method request) (string->symbol (assoc-ref request "method")))
(define (request-url request) (assoc-ref request "url"))
(define (request-body request)
  (and=> (given request "body_b64" #f) base64-decode))

(define (header-of name value)
  (cons name (parse-header name value)))

;; Names as symbols in small letters with their parsed values, as (web client) takes them.
(define (request-headers request)
  (map (match-lambda (#(name value) (header-of (string->symbol (string-downcase name)) value)))
       (vector->list (given request "headers" #()))))

(define (now-ms)
  (match (gettimeofday)
    ((seconds . micros) (+ (* 1000.0 seconds) (/ micros 1000.0)))))

(define (tell! report event . values)
  (let ((plan (report-plan report)))
    ((plan-put plan)
     (append `(("event" . ,event)
               ("plan" . ,(assoc-ref (plan-values plan) "plan"))
               ("request" . ,(assoc-ref (report-request report) "name"))
               ("at" . ,(now-ms)))
             values))))

;; The client handed over a head as the response.
(define (report-response! report status reason fields)
  (tell! report "response"
         `("status" . ,status)
         `("reason" . ,(or reason 'null))
         `("fields" . ,(list->vector
                        (map (match-lambda ((name . value) (vector name value))) fields))))
  (when (report-phase report) (set-report-phase! report "body")))

;; Content that the client handed over, as a bytevector.
(define (report-body! report octets)
  (set-report-octets! report octets))

(define (finish! report told failure)
  (let* ((octets (report-octets report))
         (limit (given (plan-values (report-plan report)) "body_limit" 65536))
         (kept (and octets
                    (let ((head (make-bytevector (min limit (bytevector-length octets)))))
                      (bytevector-copy! octets 0 head 0 (bytevector-length head))
                      head))))
    (tell! report "end"
           `("started" . ,(report-started report))
           `("told" . ,told)
           `("body_b64" . ,(if octets (base64-encode kept) 'null))
           `("body_len" . ,(if octets (bytevector-length octets) 'null))
           `("body_sha256" . ,(if octets (bytevector->base16-string (sha256 octets)) 'null))
           `("error" . ,failure))))

;; Guile's own exceptions: errors of the system by their number, those of (web ...) by their key.
(define (describe report key arguments)
  (let* ((words (call-with-output-string (lambda (port) (print-exception port #f key arguments))))
         (errno (and (eq? key 'system-error) (pair? (last arguments)) (car (last arguments))))
         (kind (cond
                ((eqv? errno ECONNREFUSED) "refused")
                ((memv errno (list ECONNRESET EPIPE)) "closed")
                ((eqv? errno ETIMEDOUT) "timeout")
                ((memq key '(bad-response bad-header bad-header-component)) "protocol")
                ((memq key '(gnutls-error gnutls-certificate-error)) "tls")
                ((string-contains words "EOF") "closed")
                (else "other"))))
    `(("kind" . ,kind)
      ("phase" . ,(or (report-phase report) 'null))
      ("type" . ,(symbol->string key))
      ("message" . ,(substring words 0 (min 2000 (string-length words)))))))

;; Gives each request with its report, no sooner than the plan says.
(define (for-each-request plan send)
  (let ((first-at (now-ms)))
    (for-each
     (lambda (request)
       (let ((wait-ms (- (+ first-at (given request "not_before_ms" 0)) (now-ms))))
         (when (positive? wait-ms)
           (usleep (inexact->exact (ceiling (* 1000 wait-ms))))))
       (let* ((report (make-report plan request (now-ms) #f (and (plan-phases plan) "head")))
              (failure (catch #t
                         (lambda () (send request report) #f)
                         (lambda (key . arguments)
                           (when (memq key '(quit signal)) (apply throw key arguments))
                           (describe report key arguments)))))
         (if failure
             (finish! report "failed" failure)
             (finish! report "ok" 'null))))
     (plan-requests plan))))

;; The first key and value of a plan that cannot be played; #f where the whole plan can.
(define (unsupported values can)
  (define (able? key) (assoc-ref can key))
  (define (listed? item key) (member item (vector->list (assoc-ref can key))))
  (define (unknown found keys) (find (lambda (pair) (not (member (car pair) keys))) found))
  (define (timer found)
    (find (lambda (pair) (not (or (eq? (cdr pair) 'null) (listed? (car pair) "timers"))))
          (given found "timers" '())))
  (or (unknown values plan-keys)
      (and (not (eqv? (assoc-ref values "v") 1)) (assoc "v" values))
      (and (not (listed? (assoc-ref values "http") "http")) (assoc "http" values))
      (and (given values "proxy" #f) (not (able? "proxy")) (assoc "proxy" values))
      (timer values)
      (any (lambda (request)
             (or (unknown request request-keys)
                 (timer request)
                 (and (not (listed? (assoc-ref request "method") "methods")) (assoc "method" request))
                 (and (string-prefix? "https:" (request-url request)) (not (able? "tls"))
                      '("tls" . #t))
                 (and (given request "expect_continue" #f) (assoc "expect_continue" request))
                 (and (given request "body_pause_ms" #f) (assoc "body_pause_ms" request))
                 (and (not (equal? (given request "start" "after-previous") "after-previous"))
                      (assoc "start" request))))
           (vector->list (assoc-ref values "requests")))))

;; (json) leaves some control characters as they are, which JSON does not allow.
(define (escaped text)
  (string-concatenate
   (map (lambda (char)
          (if (char<? char #\space)
              (format #f "\\u~4,'0x" (char->integer char))
              (string char)))
        (string->list text))))

(define (lay-over can given)
  (map (lambda (pair) (or (assoc (car pair) given) pair)) can))

;; Says hello, then plays the plans of standard input one at a time, until its end.
(define (adapter-main client version stack given-can play)
  (let* ((path (getenv "INTERIMSPEC_OUT"))
         (out (if path (open-file path "w") (current-output-port)))
         (can (lay-over `(("http" . #("1.1")) ("tls" . #f) ("proxy" . #f) ("timers" . #())
                          ("second_request" . "none") ("not_before" . #t) ("interim" . "none")
                          ("phases" . #f) ("expect_continue" . #f) ("body_stream" . #f)
                          ("methods" . ,methods))
                        given-can)))
    (define (put event)
      (put-string out (if path "" "@interimspec "))
      (put-string out (escaped (scm->json-string (cons '("v" . 1) event))))
      (newline out)
      (force-output out))
    (set-port-encoding! out "UTF-8")
    (put `(("event" . "hello") ("client" . ,client) ("version" . ,version)
           ("stack" . ,(list->vector
                        (map (match-lambda ((name . number) `(("name" . ,name) ("version" . ,number))))
                             stack)))
           ("can" . ,can)))
    (let loop ((line (read-line)))
      (unless (eof-object? line)
        (let* ((values (json-string->scm line))
               (id (assoc-ref values "plan")))
          (match (unsupported values can)
            (#f (play (make-plan values put (assoc-ref can "phases"))))
            ((what . value)
             (put `(("event" . "unsupported") ("plan" . ,id) ("what" . ,what) ("value" . ,value)))))
          (put `(("event" . "done") ("plan" . ,id))))
        (loop (read-line))))))
