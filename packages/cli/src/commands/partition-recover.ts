import { CommandError, UsageError } from "../command-error.ts";
import { askHttp } from "../http-request.ts";
import { type OutputForm, printResult, write } from "../output.ts";

type Options = Readonly<{ acceptLoss: boolean; http: string; output: OutputForm }>;

/** Asks the server to give up what is damaged in one partition, or lost with its log. `partitionText`: NAME:N; names of internal topics begin with `@`. */
export async function recoverPartition(partitionText: string, options: Options): Promise<void> {
  const match = /^(@?[A-Za-z0-9._-]{1,249}):(\d{1,9})$/.exec(partitionText);
  if (match === null) throw new UsageError(`a partition is NAME:N, such as orders:0, not ${partitionText}`);
  const [, topic = "", partition = ""] = match;
  if (!options.acceptLoss) {
    throw new UsageError(`recovering ${partitionText} gives up what it has lost for good; add --accept-loss to say that this is wanted`);
  }
  // A page in a browser cannot send this header, so it cannot do this behind somebody's back.
  const headers = { "x-tidemq-accept-loss": "yes" };
  const answer = await askHttp("POST", options.http, `/partitions/${encodeURIComponent(topic)}/${partition}/recover`, headers);
  if (answer.status !== 200) throw refused(partitionText, answer.status, answer.body);
  const message = messageOf(answer.body) ?? `recovered ${partitionText}`;
  if (options.output === "table") return write(process.stdout, `${message}\n`);
  await printResult(options.output, { message, ...objectIn(answer.body) });
}

function refused(partitionText: string, status: number, body: string): CommandError {
  const said = messageOf(body) ?? (body.trim() === "" ? `HTTP status ${status}` : body.trim().slice(0, 500));
  const next = status === 404 ? "See the partitions: tidemq topic describe NAME" : "See the server's log, and: tidemq cluster health";
  return new CommandError(`cannot recover ${partitionText}: ${said}`, next);
}

/** The text in a JSON answer `{"message": …}`. */
function messageOf(body: string): string | undefined {
  const { message } = objectIn(body);
  return typeof message === "string" ? message : undefined;
}

/** The JSON object in an answer; whatever else it is, an empty one. */
function objectIn(body: string): { message?: unknown } {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
