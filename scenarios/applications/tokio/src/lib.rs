//! What clients ask of Tokio, done by whoever is registered: tasks, time and connections. Channels, locks and the
//! traits of input and output need no runtime and are Tokio's own. What is not here does not compile: files, signals,
//! listeners. It knows nothing of Harrow, which itself has a dependency that asks for Tokio.

pub use real::{io, join, pin, runtime, select, try_join};

pub use task::spawn;

/// Channels and locks.
pub mod sync {
    pub use real::sync::*;

    /// A value that is watched. The one below is older than what madsim asks for.
    pub mod watch {
        pub use real::sync::watch::{Receiver, Ref, error};

        /// Who changes it.
        #[derive(Debug)]
        pub struct Sender<T>(real::sync::watch::Sender<T>, Receiver<T>);

        /// A value that is watched.
        pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
            let (sender, receiver) = real::sync::watch::channel(value);
            (Sender(sender, receiver.clone()), receiver)
        }

        impl<T> Sender<T> {
            /// Changes it.
            pub fn send(&self, value: T) -> Result<(), error::SendError<T>> {
                self.0.send(value)
            }

            /// One more who watches.
            pub fn subscribe(&self) -> Receiver<T> {
                self.1.clone()
            }
        }
    }
}

/// Who does it.
pub mod simulation {
    use std::fmt;
    use std::future::Future;
    use std::io;
    use std::pin::Pin;
    use std::sync::OnceLock;
    use std::task::{Context, Poll};
    use std::time::Duration;

    /// Something that is done sooner or later.
    pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

    /// A connection.
    pub trait Connection: Send + Sync {
        /// Reads what is there; nothing at the end.
        fn poll_read(&mut self, context: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>>;
        /// Writes at once.
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    }

    /// Time, connections and tasks.
    pub trait Simulation: Send + Sync {
        /// Pauses.
        fn sleep(&self, duration: Duration) -> Pending<()>;
        /// Opens a connection.
        fn connect(&self, address: &str) -> Pending<io::Result<Box<dyn Connection>>>;
        /// Runs a future beside the others.
        fn spawn(&self, task: Pending<()>) -> Box<dyn Task>;
    }

    /// A future that runs beside the others.
    pub trait Task: fmt::Debug + Send + Sync {
        /// It is not polled any more, and dropped.
        fn abort(&self);
        /// Whether it has ended.
        fn is_finished(&self) -> bool;
    }

    static SIMULATION: OnceLock<Box<dyn Simulation>> = OnceLock::new();

    /// Says who does it, once for all.
    pub fn register(simulation: impl Simulation + 'static) {
        let _ = SIMULATION.set(Box::new(simulation));
    }

    pub(crate) fn simulation() -> &'static dyn Simulation {
        SIMULATION.get().expect("nobody is registered that does what Tokio is asked for").as_ref()
    }
}

/// Tasks.
pub mod task {
    use std::fmt;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use real::sync::oneshot;

    use crate::simulation::{Task, simulation};

    pub use real::task::yield_now;

    /// The task was aborted.
    #[derive(Debug)]
    pub struct JoinError;

    impl fmt::Display for JoinError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the task was aborted")
        }
    }

    impl std::error::Error for JoinError {}

    /// A task that was spawned.
    #[derive(Debug)]
    pub struct JoinHandle<T> {
        value: oneshot::Receiver<T>,
        task: Box<dyn Task>,
    }

    impl<T> JoinHandle<T> {
        /// The task is not polled any more.
        pub fn abort(&self) {
            self.task.abort();
        }

        /// Whether the task has ended.
        pub fn is_finished(&self) -> bool {
            self.task.is_finished()
        }
    }

    impl<T> Future for JoinHandle<T> {
        type Output = Result<T, JoinError>;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            Pin::new(&mut self.value).poll(context).map_err(|_| JoinError)
        }
    }

    /// Runs a future beside this one.
    pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (sender, value) = oneshot::channel();
        let task = simulation().spawn(Box::pin(async move {
            // Nobody may wait for it any more.
            let _ = sender.send(future.await);
        }));
        JoinHandle { value, task }
    }
}

/// Time.
pub mod time {
    use std::fmt;
    use std::future::Future;
    use std::task::Poll;

    pub use std::time::Duration;

    use crate::simulation::simulation;

    /// Pauses for so long.
    pub async fn sleep(duration: Duration) {
        simulation().sleep(duration).await;
    }

    /// It took too long.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Elapsed;

    impl fmt::Display for Elapsed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("it took too long")
        }
    }

    impl std::error::Error for Elapsed {}

    /// What a future gives, if it takes no longer than that.
    pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
        let mut sleep = simulation().sleep(duration);
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(move |context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            sleep.as_mut().poll(context).map(|()| Err(Elapsed))
        })
        .await
    }
}

/// Connections.
pub mod net {
    use std::fmt;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use real::io::{AsyncRead, AsyncWrite, ReadBuf};

    use crate::simulation::{Connection, simulation};

    /// A connection to a broker.
    pub struct TcpStream(Option<Box<dyn Connection>>);

    impl fmt::Debug for TcpStream {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("TcpStream")
        }
    }

    impl TcpStream {
        /// Opens a connection, to `HOST:PORT`.
        pub async fn connect(address: impl AsRef<str>) -> io::Result<Self> {
            Ok(Self(Some(simulation().connect(address.as_ref()).await?)))
        }

        /// Segments are sent at once in any case.
        pub fn set_nodelay(&self, _: bool) -> io::Result<()> {
            Ok(())
        }
    }

    impl AsyncRead for TcpStream {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let Some(stream) = &mut self.0 else { return Poll::Ready(Ok(())) };
            let count = match stream.poll_read(context, buffer.initialize_unfilled()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(count) => count?,
            };
            buffer.advance(count);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for TcpStream {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let closed = || Err(io::ErrorKind::BrokenPipe.into());
            Poll::Ready(self.0.as_mut().map_or_else(closed, |stream| stream.write(bytes)))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0 = None;
            Poll::Ready(Ok(()))
        }
    }
}
