// SPDX-License-Identifier: Apache-2.0
// GetUser, ListUsers and CreateUser on grpc-go and database/sql: what a Go programmer would write,
// with prepared statements, and as durable as userd.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log"
	"net"
	"runtime"
	"strings"
	"time"

	_ "github.com/lib/pq"
	_ "github.com/mattn/go-sqlite3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"user"
)

// A kind of database: how it is opened, made ready, and asked.
type dialect struct {
	driver, source, schema string
	mark                   func(n int) string
}

const columns = "id, name, email, phone, created_at"

func sqlite(path string) dialect {
	return dialect{
		driver: "sqlite3",
		source: "file:" + path + "?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=5000&_txlock=immediate",
		schema: "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, " +
			"email TEXT NOT NULL UNIQUE, phone TEXT NOT NULL, created_at INTEGER NOT NULL)",
		mark: func(int) string { return "?" },
	}
}

func postgres(url string) dialect {
	return dialect{
		driver: "postgres",
		source: url,
		schema: "CREATE TABLE IF NOT EXISTS users (id SERIAL PRIMARY KEY, name TEXT NOT NULL, " +
			"email TEXT NOT NULL UNIQUE, phone TEXT NOT NULL, created_at BIGINT NOT NULL)",
		mark: func(n int) string { return fmt.Sprintf("$%d", n) },
	}
}

type service struct {
	user.UnimplementedUserServiceServer
	get, list, count, create *sql.Stmt
}

func newService(kind dialect) (*service, error) {
	db, err := sql.Open(kind.driver, kind.source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4 * runtime.NumCPU())
	db.SetMaxIdleConns(4 * runtime.NumCPU())
	if _, err := db.Exec(kind.schema); err != nil {
		return nil, err
	}
	s := &service{}
	for text, statement := range map[string]**sql.Stmt{
		"SELECT " + columns + " FROM users WHERE id = " + kind.mark(1): &s.get,
		"SELECT " + columns + " FROM users ORDER BY id LIMIT " + kind.mark(1) +
			" OFFSET " + kind.mark(2): &s.list,
		"SELECT count(*) FROM users": &s.count,
		fmt.Sprintf("INSERT INTO users (name, email, phone, created_at) VALUES (%s, %s, %s, %s) RETURNING id",
			kind.mark(1), kind.mark(2), kind.mark(3), kind.mark(4)): &s.create,
	} {
		if *statement, err = db.Prepare(text); err != nil {
			return nil, err
		}
	}
	return s, nil
}

type row interface{ Scan(...interface{}) error }

func scan(from row) (*user.User, error) {
	u := &user.User{}
	return u, from.Scan(&u.Id, &u.Name, &u.Email, &u.Phone, &u.CreatedAt)
}

func (s *service) GetUser(ctx context.Context, request *user.GetUserRequest) (*user.GetUserResponse, error) {
	found, err := scan(s.get.QueryRowContext(ctx, request.Id))
	if err == sql.ErrNoRows {
		return &user.GetUserResponse{}, nil
	}
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &user.GetUserResponse{User: found, Found: true}, nil
}

func (s *service) ListUsers(ctx context.Context, request *user.ListUsersRequest) (*user.ListUsersResponse, error) {
	page, limit := request.Page, request.Limit
	if page < 1 {
		page = 1
	}
	if limit < 1 || limit > 100 {
		limit = 10
	}
	response := &user.ListUsersResponse{Page: page, Limit: limit}
	rows, err := s.list.QueryContext(ctx, limit, int64(page-1)*int64(limit))
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		response.Users = append(response.Users, one)
	}
	if err := s.count.QueryRowContext(ctx).Scan(&response.Total); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return response, nil
}

func (s *service) CreateUser(ctx context.Context, request *user.CreateUserRequest) (*user.CreateUserResponse, error) {
	if request.Name == "" {
		return nil, status.Error(codes.InvalidArgument, "name is required")
	}
	made := &user.User{Name: request.Name, Email: request.Email, Phone: request.Phone, CreatedAt: time.Now().Unix()}
	err := s.create.QueryRowContext(ctx, made.Name, made.Email, made.Phone, made.CreatedAt).Scan(&made.Id)
	if err != nil && strings.Contains(strings.ToLower(err.Error()), "unique") {
		return nil, status.Error(codes.AlreadyExists, "email is taken")
	}
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &user.CreateUserResponse{User: made, Success: true}, nil
}

func main() {
	listen := flag.String("listen", "", "HOST:PORT")
	db := flag.String("db", "", "sqlite:PATH or postgres://...")
	flag.Parse()
	kind := postgres(*db)
	if strings.HasPrefix(*db, "sqlite:") {
		kind = sqlite(strings.TrimPrefix(*db, "sqlite:"))
	}
	s, err := newService(kind)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	user.RegisterUserServiceServer(server, s)
	log.Fatal(server.Serve(listener))
}
