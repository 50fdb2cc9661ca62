// SPDX-License-Identifier: MIT
// Run: go run client.go
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	client := &http.Client{Timeout: 5 * time.Second}
	for _, url := range os.Args[1:] {
		response, err := client.Get(url)
		if err != nil {
			fmt.Println(url, err)
			continue
		}
		content, err := io.ReadAll(response.Body)
		response.Body.Close()
		fmt.Println(url, response.StatusCode, string(content), err)
	}
}
