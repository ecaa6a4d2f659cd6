// SPDX-License-Identifier: Apache-2.0
//! The echo service on the h2 crate and tokio, one thread: a request's bytes go back as they came.
use bytes::{Bytes, BytesMut};
use h2::server::{self, SendResponse};
use h2::RecvStream;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut body = request.into_body();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    let mut response = Response::new(());
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    let mut send = respond.send_response(response, false)?;
    send.send_data(bytes.freeze(), false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    send.send_trailers(trailers)
}

async fn serve(socket: TcpStream) -> Result<(), h2::Error> {
    let mut connection = server::Builder::new()
        .max_concurrent_streams(1000)
        .initial_window_size(1 << 20)
        .handshake(socket)
        .await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        tokio::task::spawn_local(echo(request, respond));
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.len() != 3 || arguments[1] != "--listen" {
        eprintln!("usage: bench-h2 --listen HOST:PORT");
        std::process::exit(2);
    }
    let listener = TcpListener::bind(&arguments[2]).await?;
    tokio::task::LocalSet::new()
        .run_until(async move {
            loop {
                let (socket, _) = listener.accept().await?;
                socket.set_nodelay(true)?;
                tokio::task::spawn_local(serve(socket));
            }
        })
        .await
}
