// An HTTPS server on Go's crypto/tls, HTTP/1.1 and 2, a goroutine for each connection:
//
//	go build -o tls_go tls_go.go
//	tls_go HOST:PORT CERT KEY LOG [UPSTREAM]
//
// Serves /size/N and /status/N, and /fetch/PATH, for which it asks UPSTREAM by HTTPS. Writes to LOG
// what it did, as tls_server.py does.
package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

type row struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Status int    `json:"status"`
	Read   int64  `json:"read"`
	Begin  int64  `json:"begin"`
	End    int64  `json:"end"`
}

var (
	lock     sync.Mutex
	log      *os.File
	upstream string
	client   = http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true},
		MaxIdleConnsPerHost: 8,
	}}
)

func now() int64 {
	var at syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&at)), 0)
	return at.Nano()
}

func fetch(path string, id string) int {
	request, _ := http.NewRequest("GET", "https://"+upstream+path, nil)
	request.Header.Set("x-request-id", id)
	answer, err := client.Do(request)
	if err != nil {
		return 502
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	return answer.StatusCode
}

func answer(out http.ResponseWriter, request *http.Request) {
	done := row{ID: request.Header.Get("x-request-id"), Method: request.Method,
		Path: request.URL.Path, Status: 200, Read: now()}
	io.Copy(io.Discard, request.Body)
	words := strings.SplitN(request.URL.Path, "/", 3)
	size := 10
	switch words[1] {
	case "size":
		size, _ = strconv.Atoi(words[2])
	case "status":
		done.Status, _ = strconv.Atoi(words[2])
	case "fetch":
		done.Status = fetch("/"+words[2], done.ID)
	}
	out.Header().Set("Content-Length", strconv.Itoa(size))
	body := strings.Repeat("y", size)
	done.Begin = now()
	out.WriteHeader(done.Status)
	io.WriteString(out, body)
	out.(http.Flusher).Flush()
	done.End = now()
	line, _ := json.Marshal(done)
	lock.Lock()
	log.Write(append(line, '\n'))
	lock.Unlock()
}

func main() {
	log, _ = os.Create(os.Args[4])
	if len(os.Args) > 5 {
		upstream = os.Args[5]
	}
	http.HandleFunc("/", answer)
	if err := http.ListenAndServeTLS(os.Args[1], os.Args[2], os.Args[3], nil); err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
