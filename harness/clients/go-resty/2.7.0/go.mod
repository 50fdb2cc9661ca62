module interimspec.test/go-resty

go 1.23.0

require (
	github.com/go-resty/resty/v2 v2.7.0
	interimspec.test/adapterkit v0.0.0
)

require golang.org/x/net v0.0.0-20211029224645-99673261e6eb // indirect

replace interimspec.test/adapterkit => ./_go
