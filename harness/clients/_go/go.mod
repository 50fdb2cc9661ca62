module interimspec.test/adapterkit

go 1.18
