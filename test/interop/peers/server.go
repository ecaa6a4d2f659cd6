// SPDX-License-Identifier: Apache-2.0
// A grpc-go server of every method there is, without generated code: it answers each message of a call with an empty
// one.
package main

import (
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
)

type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }

func (raw) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = data
	return nil
}

func (raw) String() string { return "proto" }

func answer(_ interface{}, stream grpc.ServerStream) error {
	var message, empty []byte
	for {
		err := stream.RecvMsg(&message)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.SendMsg(&empty); err != nil {
			return err
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.CustomCodec(raw{}), grpc.UnknownServiceHandler(answer))
	log.Fatal(server.Serve(listener))
}
