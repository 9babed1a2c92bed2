// A Go net/http server whose requests spend known times, as their path says, and log where:
//
//	go build -o budget_go budget_go.go
//	budget_go [-listen 127.0.0.1:0] [-truth FILE] [-down 127.0.0.1:PORT] [-pool 2]
//
// /cpu/5ms burns, /sleep/5ms is time.Sleep, /down/5ms asks the downstream for /sleep/Nns over a
// kept connection, /lock/5ms waits for a sync.Mutex that another goroutine holds so long, /pool/5ms
// does that in one of the pool's goroutines. None of the waits blocks a thread: the goroutine is
// parked, and may go on on another. Truth lines as budget_server writes them: name=value, ns,
// CLOCK_MONOTONIC. cpu is what the burns used; tid read the request, write_tid answered it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const (
	clockMonotonic = 1
	clockThreadCPU = 3
)

func clock(which uintptr) int64 {
	var at syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, which, uintptr(unsafe.Pointer(&at)), 0)
	return at.Nano()
}

func now() int64 { return clock(clockMonotonic) }

// A connection that stamps its calls.
type stampedConn struct {
	net.Conn
	mutex               sync.Mutex // net/http reads in the background while a handler runs
	readFirst, readLast int64
	readTid             int
	writes              [4]int64 // first begin and end, last begin and end
}

func (c *stampedConn) Read(bytes []byte) (int, error) {
	size, err := c.Conn.Read(bytes)
	at := now()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if size > 0 {
		if c.readFirst == 0 {
			c.readFirst = at
		}
		c.readLast, c.readTid = at, syscall.Gettid()
	}
	return size, err
}

func (c *stampedConn) Write(bytes []byte) (int, error) {
	begin := now()
	size, err := c.Conn.Write(bytes)
	end := now()
	if c.writes[0] == 0 {
		c.writes[0], c.writes[1] = begin, end
	}
	c.writes[2], c.writes[3] = begin, end
	return size, err
}

// The stamps of the request that was read; those of the next begin.
func (c *stampedConn) take() (first, last int64, tid int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	first, last, tid = c.readFirst, c.readLast, c.readTid
	c.readFirst = 0
	c.writes = [4]int64{}
	return
}

type stampedListener struct{ net.Listener }

func (l stampedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &stampedConn{Conn: conn}, nil
}

type connKey struct{}

// What one request spent where: names in the order in which they first came.
type spent struct {
	names []string
	ns    map[string]int64
}

func (s *spent) add(name string, length int64) {
	if s.ns == nil {
		s.ns = map[string]int64{}
	}
	if _, known := s.ns[name]; !known {
		s.names = append(s.names, name)
	}
	s.ns[name] += length
}

func (s *spent) timed(name string, work func()) {
	begin := now()
	work()
	s.add(name, now()-begin)
}

func burn(length int64, s *spent) {
	runtime.LockOSThread() // else its CPU time would be spread over threads
	defer runtime.UnlockOSThread()
	begin := clock(clockThreadCPU)
	for clock(clockThreadCPU) < begin+length { // a system call; time.Now() is none
		for soon := time.Now(); time.Since(soon) < 10*time.Microsecond; {
		}
	}
	s.add("cpu", clock(clockThreadCPU)-begin)
}

// Waits for a mutex that another goroutine takes before and holds for so long.
func waitForLock(length int64, name string, s *spent) {
	var mutex sync.Mutex
	held := make(chan struct{})
	go func() {
		mutex.Lock()
		close(held)
		time.Sleep(time.Duration(length))
		mutex.Unlock()
	}()
	<-held
	s.timed(name, mutex.Lock)
	mutex.Unlock()
}

type job struct {
	length, moved int64
	spent         *spent
	done          chan int64
}

func poolWorker(jobs chan job) {
	for j := range jobs {
		j.spent.add("handed", now()-j.moved)
		waitForLock(j.length, "pool_lock", j.spent)
		j.done <- now()
	}
}

type server struct {
	truth *os.File
	down  string
	jobs  chan job
}

func (s *server) pool(length int64, sp *spent) {
	j := job{length: length, moved: now(), spent: sp, done: make(chan int64)}
	s.jobs <- j
	end := <-j.done
	sp.add("returned", now()-end)
}

func (s *server) call(length int64, id string) error {
	request, err := http.NewRequest("GET", fmt.Sprintf("http://%s/sleep/%dns", s.down, length), nil)
	if err != nil {
		return err
	}
	request.Header.Set("x-request-id", id+"-down")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func (s *server) step(word string, length int64, id string, sp *spent) (err error) {
	switch word {
	case "cpu":
		burn(length, sp)
	case "sleep":
		sp.timed("sleep", func() { time.Sleep(time.Duration(length)) })
	case "lock":
		waitForLock(length, "lock", sp)
	case "down":
		sp.timed("downstream", func() { err = s.call(length, id) })
	case "pool":
		s.pool(length, sp)
	default:
		err = fmt.Errorf("no such step: %s", word)
	}
	return err
}

func (s *server) run(path, id string, sp *spent) error {
	words := strings.Split(strings.Trim(path, "/"), "/")
	for i := 0; i+1 < len(words); i += 2 {
		length, err := time.ParseDuration(words[i+1])
		if err == nil {
			err = s.step(words[i], int64(length), id, sp)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *server) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	conn := request.Context().Value(connKey{}).(*stampedConn)
	first, last, tid := conn.take()
	id := request.Header.Get("x-request-id")
	if id == "" {
		id = "-"
	}
	sp := spent{}
	status := 200
	if s.run(request.URL.Path, id, &sp) != nil {
		status = 404
	}
	response.Header().Set("Content-Length", "2")
	response.WriteHeader(status)
	io.WriteString(response, "ok")
	response.(http.Flusher).Flush() // now, that its stamps are known
	w := conn.writes
	line := fmt.Sprintf("id=%s target=%s status=%d pid=%d tid=%d write_tid=%d read_first=%d "+
		"read_last=%d write_first_begin=%d write_first=%d write_last_begin=%d write_last=%d",
		id, request.RequestURI, status, os.Getpid(), tid, syscall.Gettid(), first, last, w[0], w[1],
		w[2], w[3])
	for _, name := range sp.names {
		line += fmt.Sprintf(" %s=%d", name, sp.ns[name])
	}
	s.truth.WriteString(line + "\n")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "budget_go:", err)
		os.Exit(1)
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "")
	truth := flag.String("truth", os.DevNull, "")
	down := flag.String("down", "", "")
	workers := flag.Int("pool", 2, "")
	flag.Parse()
	file, err := os.OpenFile(*truth, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	check(err)
	s := &server{truth: file, down: *down, jobs: make(chan job)}
	for i := 0; i < *workers; i++ {
		go poolWorker(s.jobs)
	}
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 100
	listener, err := net.Listen("tcp", *listen)
	check(err)
	fmt.Printf("listening %s\n", listener.Addr())
	check((&http.Server{
		Handler: s,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
	}).Serve(stampedListener{listener}))
}
