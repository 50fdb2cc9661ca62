;; SPDX-License-Identifier: MIT

;; (web client): http-request, which opens a connection for each request and reads the whole content.

(add-to-load-path (string-append (dirname (current-filename)) "/../_guile"))
(use-modules (adapterkit)
             (ice-9 match)
             (rnrs bytevectors)
             (web client)
             (web http)
             (web response)
             (web uri))

;; A parsed value as the text that it came from, near enough to tell the field by.
(define (field-text name value)
  (string-trim-both (call-with-output-string (lambda (port) ((header-writer name) value port)))))

(define (send request report)
  (call-with-values
      (lambda ()
        (http-request (request-url request)
                      #:method (request-method request)
                      #:headers (request-headers request)
                      #:body (request-body request)
                      #:decode-body? #f))
    (lambda (response body)
      (report-response! report (response-code response) (response-reason-phrase response)
                        (map (match-lambda
                               ((name . value)
                                (cons (symbol->string name) (field-text name value))))
                             (response-headers response)))
      (report-body! report (or body (make-bytevector 0))))))

(adapter-main "guile-web-client" (version) '()
              '(("second_request" . "new-connection"))
              (lambda (plan) (for-each-request plan send)))
