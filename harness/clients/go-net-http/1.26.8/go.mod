module interimspec.test/go-net-http

go 1.26.8

require interimspec.test/adapterkit v0.0.0

replace interimspec.test/adapterkit => ./_go
