module interimspec.test/go-fasthttp

go 1.25.0

require (
	github.com/valyala/fasthttp v1.40.0
	interimspec.test/adapterkit v0.0.0
)

require (
	github.com/andybalholm/brotli v1.0.4 // indirect
	github.com/klauspost/compress v1.15.0 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
)

replace interimspec.test/adapterkit => ./_go
