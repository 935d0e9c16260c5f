// A stand-in for docker/dockerfile where that image cannot be pulled: a BuildKit gateway frontend that
// hands the build to the frontend which is built into the engine. Tagged docker/dockerfile:1 it makes
// `# syntax=` lines work offline; they then mean whatever Dockerfile version the engine has built in.
//
// BuildKit talks gRPC over this process's stdin and stdout: HTTP/2 with the process as the client of
// the service moby.buildkit.v1.frontend.LLBBridge. Its two calls, Solve and Return, are small enough
// to be encoded by hand, so the image needs Node and nothing else.
import http2 from "node:http2";
import { Duplex } from "node:stream";

// ---------------------------------------------------------------- protobuf, as much as is needed

function varint(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}

/** A length-delimited field: string, bytes or message. */
function field(number, data) {
  const bytes = Buffer.from(data);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

/** A bool field that is true. */
function flag(number) {
  return Buffer.concat([varint(number << 3), Buffer.from([1])]);
}

/** Number and bytes of every length-delimited field of a message. */
function* fieldsOf(message) {
  let at = 0;
  const readVarint = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = message[at++];
      value += (byte & 127) * 2 ** shift; // no bit operation: 32 bits are too few
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = readVarint();
    if ((key & 7) === 0) readVarint();
    else if ((key & 7) === 2) {
      const length = readVarint();
      yield [key >>> 3, message.subarray(at, (at += length))];
    } else throw new Error("unexpected wire type");
  }
}

// ---------------------------------------------------------------- gRPC

const session = http2.connect("http://localhost", {
  createConnection: () => Duplex.from({ readable: process.stdin, writable: process.stdout }),
});

/** One unary call; resolves with the response message, rejects with `code` and `details`. */
function call(method, message) {
  return new Promise((resolve, reject) => {
    const request = session.request({
      ":method": "POST",
      ":path": `/moby.buildkit.v1.frontend.LLBBridge/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const chunks = [];
    let status = {};
    const keepStatus = (headers) => {
      if (headers["grpc-status"] !== undefined) status = headers;
    };
    request
      .on("response", keepStatus) // a call that fails at once has its status here
      .on("trailers", keepStatus)
      .on("data", (chunk) => chunks.push(chunk))
      .on("error", reject)
      .on("end", () => {
        const code = Number(status["grpc-status"] ?? 0);
        if (code === 0) resolve(Buffer.concat(chunks).subarray(5));
        else
          reject(
            Object.assign(new Error(decodeURIComponent(status["grpc-message"] ?? "")), {
              code,
              details: status["grpc-status-details-bin"],
            }),
          );
      });
    const head = Buffer.alloc(5); // not compressed, then the length
    head.writeUInt32BE(message.length, 1);
    request.end(Buffer.concat([head, message]));
  });
}

// ---------------------------------------------------------------- the build

/** The build's options reach a frontend as environment variables, each holding `name=value`. */
function buildOptions() {
  const options = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!name.startsWith("BUILDKIT_FRONTEND_OPT_")) continue;
    const at = value.indexOf("=");
    options[value.slice(0, at)] = value.slice(at + 1);
  }
  options.cmdline ??= "passthrough"; // tells dockerfile.v0 that the syntax line was followed already
  delete options.source;
  return options;
}

function solveRequest(options) {
  const entries = Object.entries(options).map(([name, value]) =>
    field(3, Buffer.concat([field(1, name), field(2, value)])),
  );
  return Buffer.concat([field(2, "dockerfile.v0"), ...entries, flag(5), flag(6)]);
}

/** google.rpc.Status: the engine's own if it sent one, so that error positions stay intact. */
function statusOf(error) {
  if (error.details) return Buffer.from(error.details, "base64");
  return Buffer.concat([Buffer.from([8, error.code ?? 2]), field(2, error.message)]);
}

try {
  const response = await call("Solve", solveRequest(buildOptions()));
  const result = [...fieldsOf(response)].find(([number]) => number === 3)?.[1];
  if (!result) throw new Error("the engine gave no result");
  await call("Return", field(1, result));
} catch (error) {
  await call("Return", field(2, statusOf(error))).catch((second) => {
    console.error(second.message);
    process.exitCode = 1;
  });
}
session.close();
process.stdin.destroy();
