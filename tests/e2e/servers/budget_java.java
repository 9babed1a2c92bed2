// A Java HttpServer whose requests spend known times, as their path says, and log where:
//
//   java budget_java.java [--listen 127.0.0.1:0] [--truth FILE] [--down 127.0.0.1:PORT]
//
// The server's own executor has two threads: one reads a request, handles and answers it.
// /cpu/5ms burns there, /sleep/5ms is Thread.sleep, /down/5ms asks the downstream for /sleep/Nns
// over a new connection, /lock/5ms waits for a ReentrantLock that another thread holds so long,
// /pool/5ms and /pool_cpu/5ms hand the sleep and the burning to an ExecutorService and wait for its
// Future. A thread that sleeps, or waits for a lock or a Future, is parked in a futex. Truth lines
// as budget_server writes them: name=value, ns, System.nanoTime() (CLOCK_MONOTONIC). cpu is what the
// burns used, by the threads' CPU clocks; of waits it is what their threads slept. handed and returned are the way to the pool and
// back.
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.ReentrantLock;

public class budget_java {
  static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  static final ExecutorService POOL = Executors.newFixedThreadPool(2);
  static OutputStream truth = OutputStream.nullOutputStream();
  static String down = "";

  static class Spent extends LinkedHashMap<String, Long> {
    void add(String name, long length) {
      merge(name, length, Long::sum);
    }
  }

  static long nanoseconds(String text) {
    int unit = text.length();
    while (!Character.isDigit(text.charAt(unit - 1))) unit--;
    long factor = Map.of("ns", 1L, "us", 1000L, "ms", 1000_000L, "s", 1000_000_000L)
        .get(text.substring(unit));
    return Long.parseLong(text.substring(0, unit)) * factor;
  }

  static long cpu() {
    return THREADS.getCurrentThreadCpuTime();
  }

  // How long this thread could have run and did not, so far: no part of what it slept.
  static long runQueue() throws IOException {
    try (FileInputStream file = new FileInputStream("/proc/thread-self/schedstat")) {
      String text = new String(file.readAllBytes(), StandardCharsets.US_ASCII);
      return Long.parseLong(text.split(" ")[1]);
    }
  }

  // What a wait of this thread slept.
  static class Watch {
    final long queued = runQueue();
    final long begin = System.nanoTime();

    Watch() throws IOException {}

    long slept() throws IOException {
      long wall = System.nanoTime() - begin;
      return wall - (runQueue() - queued);
    }
  }

  static void burn(long length, String name, Spent spent) {
    long begin = cpu();
    while (cpu() < begin + length) {
      for (long soon = System.nanoTime() + 20_000; System.nanoTime() < soon;) {}
    }
    spent.add(name, cpu() - begin);
  }

  static void sleep(long length, String name, Spent spent) throws Exception {
    Watch watch = new Watch();
    Thread.sleep(length / 1000_000, (int) (length % 1000_000));
    spent.add(name, watch.slept());
  }

  static void waitForLock(long length, Spent spent) throws Exception {
    ReentrantLock lock = new ReentrantLock();
    CountDownLatch held = new CountDownLatch(1);
    Thread holder = new Thread(() -> {
      lock.lock();
      held.countDown();
      try {
        Thread.sleep(length / 1000_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      lock.unlock();
    });
    holder.start();
    held.await();
    Watch watch = new Watch();
    lock.lock();
    spent.add("lock", watch.slept());
    lock.unlock();
    holder.join();
  }

  static void callDown(long length, String id, Spent spent) throws IOException {
    String[] address = down.split(":");
    try (Socket socket = new Socket(address[0], Integer.parseInt(address[1]))) {
      Watch watch = new Watch();
      String request = "GET /sleep/" + length + "ns HTTP/1.1\r\nHost: down\r\nx-request-id: " + id
          + "-down\r\nConnection: close\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      InputStream answer = socket.getInputStream();
      while (answer.read() >= 0) {}
      spent.add("downstream", watch.slept());
    }
  }

  interface Work {
    void run(Spent spent) throws Exception;
  }

  static void inPool(Work work, Spent spent) throws Exception {
    long moved = System.nanoTime();
    Spent there = new Spent();
    Future<Long> done = POOL.submit(() -> {
      there.add("handed", System.nanoTime() - moved);
      work.run(there);
      return System.nanoTime();
    });
    long end = done.get();
    there.add("returned", System.nanoTime() - end);
    there.forEach(spent::add);
  }

  static void step(String word, long length, String id, Spent spent) throws Exception {
    switch (word) {
      case "cpu" -> burn(length, "cpu", spent);
      case "sleep" -> sleep(length, "sleep", spent);
      case "lock" -> waitForLock(length, spent);
      case "down" -> callDown(length, id, spent);
      case "pool" -> inPool(there -> sleep(length, "pool_sleep", there), spent);
      case "pool_cpu" -> inPool(there -> burn(length, "pool_cpu", there), spent);
      default -> throw new IllegalArgumentException(word);
    }
  }

  static void handle(HttpExchange exchange) throws IOException {
    String id = exchange.getRequestHeaders().getFirst("x-request-id");
    String path = exchange.getRequestURI().getPath();
    Spent spent = new Spent();
    int status = 200;
    try {
      String[] words = path.substring(1).split("/");
      for (int i = 0; i + 1 < words.length; i += 2)
        step(words[i], nanoseconds(words[i + 1]), id, spent);
    } catch (Exception e) {
      status = 404;
    }
    byte[] body = "ok".getBytes(StandardCharsets.US_ASCII);
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
    StringBuilder line = new StringBuilder();
    line.append("id=").append(id).append(" target=").append(path).append(" status=").append(status)
        .append(" pid=").append(ProcessHandle.current().pid());
    spent.forEach((name, length) -> line.append(' ').append(name).append('=').append(length));
    synchronized (budget_java.class) {
      truth.write(line.append('\n').toString().getBytes(StandardCharsets.US_ASCII));
    }
  }

  public static void main(String[] arguments) throws IOException {
    String listen = "127.0.0.1:0";
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      switch (arguments[i]) {
        case "--listen" -> listen = arguments[i + 1];
        case "--truth" -> truth = new FileOutputStream(arguments[i + 1], true);
        case "--down" -> down = arguments[i + 1];
        default -> throw new IllegalArgumentException(arguments[i]);
      }
    }
    String[] address = listen.split(":");
    HttpServer server =
        HttpServer.create(new InetSocketAddress(address[0], Integer.parseInt(address[1])), 128);
    server.createContext("/", budget_java::handle);
    server.setExecutor(Executors.newFixedThreadPool(2));
    server.start();
    System.out.println("listening " + address[0] + ":" + server.getAddress().getPort());
  }
}
