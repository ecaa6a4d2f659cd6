// SPDX-License-Identifier: Apache-2.0
// bench/call.c on grpc-go, with a goroutine for each of the calls at once.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"echo"
	"google.golang.org/grpc"
)

const text = "the quick brown fox jumps over a"

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func run(client echo.EchoClient, calls, atOnce int64) {
	var group sync.WaitGroup
	left := calls
	for i := int64(0); i < atOnce; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			request := &echo.EchoMessage{Text: text}
			for atomic.AddInt64(&left, -1) >= 0 {
				answer, err := client.Unary(context.Background(), request)
				if err != nil || answer.Text != text {
					log.Fatal("bench-go-call: ", err)
				}
			}
		}()
	}
	group.Wait()
}

func count(at int) int64 {
	number, err := strconv.ParseInt(os.Args[at], 10, 64)
	if err != nil || number <= 0 {
		log.Fatal("usage: bench-go-call HOST:PORT CALLS AT_ONCE")
	}
	return number
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: bench-go-call HOST:PORT CALLS AT_ONCE")
	}
	calls, atOnce := count(2), count(3)
	connection, err := grpc.Dial(os.Args[1], grpc.WithInsecure())
	if err != nil {
		log.Fatal(err)
	}
	client := echo.NewEchoClient(connection)
	run(client, calls/10+1, atOnce)
	start, cpu := time.Now(), cpuSeconds()
	run(client, calls, atOnce)
	fmt.Printf("answered %d cpu %.6f seconds %.6f\n", calls, cpuSeconds()-cpu, time.Since(start).Seconds())
}
