use std::{
    sync::{
        Weak,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
};

use super::*;

const DEADLINE: Duration = Duration::from_secs(30);

fn pool(threads: usize, queue: usize) -> Pool {
    Pool::start(NonZeroUsize::new(threads).expect("some threads"), queue).expect("threads start")
}

/// Polls a future once: enough to hand its job to the pool.
fn begin<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn until(mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < DEADLINE, "waited in vain");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A job that says when it has begun and ends when it is told to.
fn gate() -> (impl FnOnce() + Send + 'static, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (begun, has_begun) = mpsc::channel();
    let (open, opened) = mpsc::channel::<()>();
    let work = move || {
        begun.send(()).expect("the test waits");
        opened.recv().ok();
    };
    (work, has_begun, open)
}

#[tokio::test]
async fn a_job_is_done_and_measured() {
    let pool = pool(1, 0);
    assert_eq!(pool.durations(), Durations::default());
    let done = pool.run(|| thread::sleep(Duration::from_millis(5))).await;
    assert_eq!(done, Ok(()));
    let durations = pool.durations();
    assert_eq!(durations.count, 1);
    assert!(durations.total >= Duration::from_millis(5), "{durations:?}");
    assert_eq!(durations.recent, durations.total);
}

#[tokio::test]
async fn who_got_an_answer_finds_the_place_free() {
    let pool = pool(1, 0);
    for number in 0..500 {
        assert_eq!(pool.run(move || number).await, Ok(number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_jobs_run_at_once_than_there_are_threads() {
    let pool = Arc::new(pool(2, 100));
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let jobs: Vec<_> = (0..50)
        .map(|_| {
            let (pool, running, most) = (Arc::clone(&pool), Arc::clone(&running), Arc::clone(&most));
            tokio::spawn(async move {
                let work = move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(1));
                    running.fetch_sub(1, Ordering::SeqCst);
                };
                pool.run(work).await
            })
        })
        .collect();
    for job in jobs {
        assert_eq!(job.await.expect("no panic"), Ok(()));
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[test]
fn what_does_not_fit_the_queue_is_refused_at_once() {
    let pool = pool(1, 2);
    let (work, begun, open) = gate();
    let mut running = Box::pin(pool.run(work));
    assert!(begin(&mut running).is_pending());
    begun.recv_timeout(DEADLINE).expect("begins");
    let mut waiting = [1, 2].map(|number| Box::pin(pool.run(move || number)));
    assert!(waiting.iter_mut().all(|job| begin(job).is_pending()));
    assert_eq!(pool.waiting(), 2);
    let refused = begin(&mut Box::pin(pool.run(|| ())));
    assert_eq!(refused, Poll::Ready(Err(PoolError::Full { retry_after: LEAST_RETRY_AFTER })));
    open.send(()).expect("the job waits");
    until(|| pool.durations().count == 3);
    assert_eq!(pool.waiting(), 0);
    assert_eq!(begin(&mut running), Poll::Ready(Ok(())));
}

#[test]
fn a_job_nobody_waits_for_is_skipped_and_leaves_its_place() {
    let pool = pool(1, 1);
    let (work, begun, open) = gate();
    let mut running = Box::pin(pool.run(work));
    assert!(begin(&mut running).is_pending());
    begun.recv_timeout(DEADLINE).expect("begins");
    let (ran, has_run) = mpsc::channel();
    let mut abandoned = Box::pin(pool.run(move || ran.send(()).expect("the test waits")));
    assert!(begin(&mut abandoned).is_pending());
    drop(abandoned);
    let mut next = Box::pin(pool.run(|| ()));
    assert!(begin(&mut next).is_pending(), "the abandoned place is free");
    drop(next);
    open.send(()).expect("the job waits");
    until(|| pool.waiting() == 0);
    // The sender is dropped with the job, unsent.
    assert_eq!(has_run.recv_timeout(DEADLINE), Err(mpsc::RecvTimeoutError::Disconnected));
    until(|| pool.durations().count == 1);
}

#[tokio::test]
async fn a_panic_is_told_to_its_caller_and_kills_nothing() {
    let pool = pool(1, 0);
    for _ in 0..3 {
        let lost = pool.run(|| -> () { panic!("on purpose") }).await;
        assert_eq!(lost, Err(PoolError::Lost));
    }
    assert_eq!(pool.run(|| 1).await, Ok(1));
}

#[test]
fn threads_end_when_the_pool_is_dropped() {
    let pool = pool(3, 1);
    let (work, begun, open) = gate();
    let mut running = Box::pin(pool.run(work));
    assert!(begin(&mut running).is_pending());
    begun.recv_timeout(DEADLINE).expect("begins");
    drop(running);
    let shared: Weak<Shared> = Arc::downgrade(&pool.0);
    drop(pool);
    until(|| shared.strong_count() == 1);
    open.send(()).expect("the job waits");
    until(|| shared.strong_count() == 0);
}

#[test]
fn who_is_refused_is_told_when_the_queue_will_have_been_done() {
    let pool = pool(2, 0);
    let mut state = State { running: 6, ..State::default() };
    state.durations.add(Duration::from_secs(1));
    assert_eq!(pool.0.retry_after(&state), Duration::from_secs(3));
    state.running = 1;
    assert_eq!(pool.0.retry_after(&state), LEAST_RETRY_AFTER);
}

#[test]
fn the_running_mean_follows_the_newest_durations() {
    let mut durations = Durations::default();
    durations.add(Duration::from_secs(1));
    durations.add(Duration::from_secs(9));
    assert_eq!(durations.recent, Duration::from_secs(2));
    assert_eq!(durations.total, Duration::from_secs(10));
    assert_eq!(durations.count, 2);
}
