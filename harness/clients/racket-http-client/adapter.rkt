#lang racket/base

;; SPDX-License-Identifier: MIT

;; net/http-client: one http-conn per plan, http-conn-sendrecv!.

(require "../_racket/adapterkit.rkt" net/http-client net/url-string openssl racket/port)

;; As in the documentation of http-conn-open!: #t, or a context that verifies with the given CA.
(define (tls-of plan url)
  (cond
    [(not (equal? (url-scheme url) "https")) #f]
    [(plan-ca-file plan)
     (define context (ssl-make-client-context 'auto))
     (ssl-load-verify-root-certificates! context (plan-ca-file plan))
     (ssl-set-verify! context #t)
     (ssl-set-verify-hostname! context #t)
     context]
    [else #t]))

(define (path-of found)
  (url->string (struct-copy url found [scheme #f] [user #f] [host #f] [port #f] [fragment #f])))

(define (field line)
  (define parts (regexp-match #rx#"^([^:]*):[ \t]*(.*)$" line))
  (if parts (cons (cadr parts) (caddr parts)) (cons line #"")))

(define (send plan connection request report)
  (define url (request-url request))
  (unless (http-conn-live? connection)
    (http-conn-open! connection (url-host url) #:port (url-port url) #:ssl? (tls-of plan url)))
  (define-values (line headers content)
    (http-conn-sendrecv! connection (path-of url)
                         #:method (request-method request)
                         #:headers (request-headers request)
                         #:data (request-body request)))
  (define parts (regexp-match #rx#"^[^ ]+ +([0-9]+) ?(.*)$" line))
  (report-response! report (and parts (string->number (bytes->string/latin-1 (cadr parts))))
                    (and parts (caddr parts)) (map field headers))
  (report-body! report (port->bytes content)))

(adapter-main
 #:client "racket-http-client" #:version (version) #:stack '()
 #:can (hasheq 'tls #t 'second_request "pooled" 'phases #t)
 (lambda (plan)
   (define connection (http-conn))
   (for-each-request plan (lambda (request report) (send plan connection request report)))
   (http-conn-close! connection)))
