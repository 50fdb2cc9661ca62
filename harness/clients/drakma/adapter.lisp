;;; SPDX-License-Identifier: MIT

;;; Drakma: http-request for each request, as its documentation has it. With the word `keep-alive` the
;;; stream of a response is given to the next request (:close nil, :stream).

(require :asdf)
(asdf:load-system :drakma)

(defpackage :adapter (:use :cl))
(in-package :adapter)

(defvar *keep-alive* nil)
(defvar *stream* nil "What the last response was read from, with keep-alive.")

(defun say (control &rest arguments)
  (format t "@~?~%" control arguments)
  (finish-output))

(defun from-hex (digits)
  (let ((octets (make-array (floor (length digits) 2) :element-type '(unsigned-byte 8))))
    (dotimes (i (length octets) octets)
      (setf (aref octets i) (parse-integer digits :start (* 2 i) :end (+ 2 (* 2 i)) :radix 16)))))

(defun to-hex (content)
  "Text comes decoded as its charset says, Latin-1 by default; it is told as octets of Latin-1."
  (with-output-to-string (out)
    (loop for item across (if (and (stringp content) (find-if (lambda (c) (> (char-code c) 255)) content))
                              (flexi-streams:string-to-octets content :external-format :utf-8)
                              content)
          do (format out "~(~2,'0x~)" (if (characterp item) (char-code item) item)))))

(defun fact (name facts)
  (cdr (assoc name facts :test #'string=)))

(defun kind (problem)
  (typecase problem
    (usocket:timeout-error "timeout")
    (usocket:connection-refused-error "refused")
    ((or usocket:connection-reset-error usocket:connection-aborted-error end-of-file) "closed")
    (chunga:input-chunking-unexpected-end-of-file "closed")
    ((or drakma::syntax-error chunga:chunga-error) "protocol")
    (drakma::drakma-simple-error "closed") ; "No status line - probably network error."
    (t "other")))

(defun one-line (text)
  (substitute #\Space #\Newline text))

(defun send (facts fields)
  (let* ((digits (assoc "content" facts :test #'string=))
         (type (assoc "Content-Type" fields :test #'string-equal))
         (proxy (fact "proxy" facts))
         (arguments
           (append (list :method (intern (fact "method" facts) :keyword)
                         :additional-headers (remove type fields))
                   (when digits (list :content (from-hex (cdr digits))))
                   (when (and digits type) (list :content-type (cdr type)))
                   (when proxy (list :proxy proxy))
                   (when *keep-alive* (list :close nil :stream *stream*)))))
    (setf *stream* nil)
    (handler-case
        (multiple-value-bind (content status headers uri stream must-close reason)
            (apply #'drakma:http-request (fact "url" facts) arguments)
          (declare (ignore uri))
          (loop for (name . value) in headers do (say "field ~a: ~a" name value))
          (say "response ~d ~a" status (or reason ""))
          (say "content ~a" (to-hex (or content "")))
          (when (and *keep-alive* (not must-close)) (setf *stream* stream))
          (say "ok"))
      (error (problem)
        (say "failed ~a ~(~a~) ~a" (kind problem) (type-of problem)
             (one-line (princ-to-string problem)))))))

(defun read-block ()
  "The verb, the facts and the fields of a block; nil at the end of input."
  (let ((verb (read-line *standard-input* nil)))
    (when verb
      (loop for line = (read-line *standard-input* nil "")
            for space = (position #\Space line)
            for word = (subseq line 0 space)
            for rest = (if space (subseq line (1+ space)) "")
            until (string= line "")
            if (string= word "field")
              collect (let ((colon (position #\: rest)))
                        (cons (subseq rest 0 colon) (string-left-trim " " (subseq rest (1+ colon)))))
                into fields
            else collect (cons word rest) into facts
            finally (return (list verb facts fields))))))

(defun main ()
  (setf *keep-alive* (member "keep-alive" sb-ext:*posix-argv* :test #'string=))
  (setf *standard-output* (sb-sys:make-fd-stream 1 :output t :external-format :latin-1)
        *standard-input* (sb-sys:make-fd-stream 0 :input t :external-format :latin-1))
  (say "version ~a" (asdf:component-version (asdf:find-system :drakma)))
  (say "layer chunga ~a" (asdf:component-version (asdf:find-system :chunga)))
  (say "layer sbcl ~a" (lisp-implementation-version))
  (say "ready")
  (loop with proxy = nil
        for (verb facts fields) = (read-block)
        while verb
        do (cond ((string= verb "open") (setf proxy (assoc "proxy" facts :test #'string=)))
                 ((string= verb "request") (send (if proxy (cons proxy facts) facts) fields))
                 ((string= verb "close")
                  (when *stream* (close *stream*))
                  (setf *stream* nil)
                  (say "closed")))))
