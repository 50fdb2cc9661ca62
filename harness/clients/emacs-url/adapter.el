;;; adapter.el --- url.el: url-retrieve-synchronously  -*- lexical-binding: t -*-

;; SPDX-License-Identifier: MIT

;;; Commentary:

;; Plans come on standard input; batch Emacs reads a line of it with `read-from-minibuffer'.  Each
;; event is written to the file that INTERIMSPEC_OUT names.  The buffer that
;; `url-retrieve-synchronously' gives is read as the manual says: the head up to
;; `url-http-end-of-headers', the content after it.

;;; Code:

(require 'json)
(require 'subr-x)
(require 'url)
(require 'url-http)

(defconst adapter-plan-keys '(v plan http timers ca_file proxy body_limit requests))
(defconst adapter-request-keys
  '(name method url headers body_b64 body_pause_ms expect_continue start not_before_ms timers))
(defconst adapter-timers '("total_ms"))
(defconst adapter-methods
  '("GET" "HEAD" "POST" "PUT" "PATCH" "DELETE" "OPTIONS" "PROPFIND" "MKCOL" "COPY"))

(defun adapter-now ()
  "Unix time in milliseconds."
  (* 1000.0 (float-time)))

(defun adapter-put (event)
  "Write EVENT, an alist, as one line."
  (let ((line (concat (json-serialize (cons '(v . 1) event) :null-object :null :false-object :false) "\n"))
        (path (getenv "INTERIMSPEC_OUT")))
    (if path
        (let ((coding-system-for-write 'binary))
          (write-region line nil path t 'silent))
      (princ (concat "@interimspec " line)))))

(defun adapter-given (values key &optional default)
  "The value of KEY in VALUES, or DEFAULT where it is absent or null."
  (let ((found (alist-get key values :null)))
    (if (eq found :null) default found)))

(defun adapter-text (octets)
  "OCTETS as text; Latin-1 where they are no UTF-8."
  (let ((text (decode-coding-string octets 'utf-8)))
    (if (string-match-p "[\x3fff80-\x3fffff]" text) (decode-coding-string octets 'latin-1) text)))

(defun adapter-unsupported (plan)
  "The first key and value of PLAN that cannot be played, or nil."
  (or (seq-find (lambda (pair) (not (memq (car pair) adapter-plan-keys))) plan)
      (and (not (eql (alist-get 'v plan) 1)) (assq 'v plan))
      (and (not (equal (alist-get 'http plan) "1.1")) (assq 'http plan))
      (and (adapter-given plan 'proxy) (assq 'proxy plan))
      (adapter-unknown-timer plan)
      (seq-some #'adapter-unsupported-request (alist-get 'requests plan))))

(defun adapter-unknown-timer (values)
  "The first timer of VALUES that url.el lacks, or nil."
  (seq-find (lambda (pair)
              (not (or (eq (cdr pair) :null) (member (symbol-name (car pair)) adapter-timers))))
            (adapter-given values 'timers)))

(defun adapter-unsupported-request (request)
  "The first key and value of REQUEST that cannot be played, or nil."
  (or (seq-find (lambda (pair) (not (memq (car pair) adapter-request-keys))) request)
      (adapter-unknown-timer request)
      (and (not (member (alist-get 'method request) adapter-methods)) (assq 'method request))
      (and (string-prefix-p "https:" (alist-get 'url request)) '(tls . t))
      (and (eq (adapter-given request 'expect_continue :false) t) '(expect_continue . t))
      (and (adapter-given request 'body_pause_ms) '(body_pause_ms . t))
      (and (not (equal (adapter-given request 'start "after-previous") "after-previous"))
           (assq 'start request))))

(defun adapter-tell (plan request event values)
  "Write EVENT of REQUEST of PLAN with VALUES."
  (adapter-put (append `((event . ,event) (plan . ,(alist-get 'plan plan))
                         (request . ,(alist-get 'name request)) (at . ,(adapter-now)))
                       values)))

(defun adapter-fields (head)
  "The fields of HEAD, a string, as a vector of pairs."
  (vconcat (delq nil (mapcar (lambda (line)
                               (and (string-match "\\`\\([^:\r]+\\):[ \t]*\\([^\r]*\\)" line)
                                    (vector (adapter-text (match-string 1 line))
                                            (adapter-text (match-string 2 line)))))
                             (cdr (split-string head "\n"))))))

(defun adapter-octets (text)
  "TEXT as octets, which is what url.el wants of all that it sends."
  (encode-coding-string text 'utf-8))

(defun adapter-exchange (plan request)
  "Send REQUEST of PLAN; tell its response and give the content."
  ;; What comes out of JSON is multibyte; joined to content of all octets, url.el refuses to send it.
  (let* ((url-request-method (adapter-octets (alist-get 'method request)))
         (url-request-extra-headers (mapcar (lambda (field) (cons (adapter-octets (aref field 0))
                                                                  (adapter-octets (aref field 1))))
                                            (adapter-given request 'headers)))
         (url-request-data (and (adapter-given request 'body_b64)
                                (base64-decode-string (adapter-given request 'body_b64))))
         (total (adapter-given (adapter-given request 'timers) 'total_ms
                               (adapter-given (adapter-given plan 'timers) 'total_ms)))
         (buffer (url-retrieve-synchronously (adapter-octets (alist-get 'url request)) t t (and total (/ total 1000.0)))))
    ;; Documented: nil where it timed out or nothing came; an error stands in `url-callback-arguments'.
    (unless buffer (error "No buffer: timed out or no data"))
    (with-current-buffer buffer
      (let ((failure (and (boundp 'url-callback-arguments)
                          (plist-get (car url-callback-arguments) :error))))
        (when (and failure (not (eq (nth 1 failure) 'http)))
          (error "%S" failure)))
      (unless (and (boundp 'url-http-end-of-headers) url-http-end-of-headers)
        (error "No complete head in the buffer"))
      (let ((head (buffer-substring-no-properties (point-min) url-http-end-of-headers))
            (content (buffer-substring-no-properties (min (point-max) (1+ url-http-end-of-headers))
                                                     (point-max))))
        (adapter-tell plan request "response"
                      `((status . ,(or url-http-response-status :null))
                        (reason . ,(if (string-match "\\`\\S-+ [0-9]+ ?\\([^\r\n]*\\)" head)
                                       (adapter-text (match-string 1 head))
                                     :null))
                        (fields . ,(adapter-fields head))))
        (kill-buffer buffer)
        (if (multibyte-string-p content) (encode-coding-string content 'utf-8-emacs) content)))))

(defun adapter-kind (words)
  "The kind of error that WORDS, url.el's own, tell."
  (cond ((string-match-p "timed out" words) "timeout")
        ((string-match-p "refused\\|make client process failed\\|connection-failed" words) "refused")
        ((string-match-p "connection broken\\|closed\\|No complete head" words) "closed")
        (t "other")))

(defun adapter-end (plan request started content failure)
  "Tell the end of REQUEST of PLAN, begun at STARTED: CONTENT or FAILURE."
  (let ((limit (adapter-given plan 'body_limit 65536)))
    (adapter-tell plan request "end"
                  `((started . ,started)
                    (told . ,(if failure "failed" "ok"))
                    (body_b64 . ,(if content
                                     (base64-encode-string
                                      (substring content 0 (min limit (length content))) t)
                                   :null))
                    (body_len . ,(if content (length content) :null))
                    (body_sha256 . ,(if content (secure-hash 'sha256 content) :null))
                    (error . ,(if failure
                                  (let ((words (error-message-string failure)))
                                    `((kind . ,(adapter-kind words))
                                      (type . ,(symbol-name (car failure)))
                                      (message . ,(substring words 0 (min 2000 (length words))))))
                                :null))))))

(defun adapter-play (plan)
  "Play the requests of PLAN, each no sooner than it says."
  (let ((first-at (adapter-now)))
    (seq-do (lambda (request)
              (let ((wait (- (+ first-at (adapter-given request 'not_before_ms 0)) (adapter-now))))
                (when (> wait 0) (sleep-for (/ wait 1000.0))))
              (let ((started (adapter-now)) content failure)
                (condition-case caught
                    (setq content (adapter-exchange plan request))
                  (error (setq failure caught)))
                (adapter-end plan request started content failure)))
            (alist-get 'requests plan))))

(defun adapter-main ()
  "Say hello, then play the plans of standard input until its end."
  (setq url-show-status nil)
  (adapter-put `((event . "hello") (client . "emacs-url") (version . ,emacs-version) (stack . [])
                 (can . ((http . ["1.1"]) (tls . :false) (proxy . :false)
                         (timers . ,(vconcat adapter-timers)) (second_request . "pooled")
                         (not_before . t) (interim . "none") (phases . :false)
                         (expect_continue . :false) (body_stream . :false)
                         (methods . ,(vconcat adapter-methods))))))
  (let (line)
    (while (setq line (ignore-errors (read-from-minibuffer "")))
      (let* ((plan (json-parse-string line :object-type 'alist :null-object :null :false-object :false))
             (missing (adapter-unsupported plan)))
        (if missing
            (adapter-put `((event . "unsupported") (plan . ,(alist-get 'plan plan))
                           (what . ,(symbol-name (car missing))) (value . ,(cdr missing))))
          (adapter-play plan))
        (adapter-put `((event . "done") (plan . ,(alist-get 'plan plan))))))))

(adapter-main)

;;; adapter.el ends here
