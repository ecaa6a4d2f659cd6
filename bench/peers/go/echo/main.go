// SPDX-License-Identifier: Apache-2.0
// The echo service on grpc-go.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net"

	"echo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

type service struct{}

func (service) Unary(_ context.Context, message *echo.EchoMessage) (*echo.EchoMessage, error) {
	return message, nil
}

func (service) ServerStream(often *echo.EchoOften, stream echo.Echo_ServerStreamServer) error {
	message := &echo.EchoMessage{Text: often.Text}
	for i := int32(0); i < often.Times; i++ {
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	return nil
}

func (service) BothWays(stream echo.Echo_BothWaysServer) error {
	for {
		message, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
}

func main() {
	listen := flag.String("listen", "", "HOST:PORT")
	cert := flag.String("tls-cert", "", "PEM file")
	key := flag.String("tls-key", "", "PEM file")
	flag.Parse()
	options := []grpc.ServerOption{grpc.MaxRecvMsgSize(16 << 20)}
	if *cert != "" {
		pair, err := credentials.NewServerTLSFromFile(*cert, *key)
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(pair))
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(options...)
	echo.RegisterEchoServer(server, service{})
	log.Fatal(server.Serve(listener))
}
