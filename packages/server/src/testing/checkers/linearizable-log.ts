/** One call to an append-only log, as its caller saw it. Times are of one counter, so that no two are equal. */
export type LogCall = Readonly<{ invokedAt: number; answeredAt: number }> &
  (
    | Readonly<{ kind: "append"; index: number; value: string; answer: "appended" | "unknown" }>
    /** `endIndex`: what the answer named as the next index. */
    | Readonly<{ kind: "append"; index: number; value: string; answer: "conflict"; endIndex: number }>
    | Readonly<{ kind: "read"; entries: readonly Readonly<{ index: number; value: string }>[] }>
    | Readonly<{ kind: "end"; endIndex: number }>
  );

/**
 * Why the calls cannot have happened one after the other, each at one moment between its invocation and its answer;
 * undefined when they can. `log`: what is in the log when all is over, from index 1.
 *
 * The order of appends is the order of indexes, so no search is needed: entry i was made at a moment p(i) with
 * p(1) < p(2) < …; who saw entry i was answered after p(i), who saw the log end at or below i was invoked before p(i).
 * Each p(i) is therefore bounded from both sides, and the earliest choice for all of them decides.
 */
export function linearizabilityProblem(log: readonly string[], calls: readonly LogCall[]): string | undefined {
  const lowest = log.map(() => Number.POSITIVE_INFINITY); // first invocation of an append of that entry
  const highest = log.map(() => Number.POSITIVE_INFINITY);
  const notBefore = log.map(() => 0);
  const saw = (endIndex: number, at: number): void => {
    if (endIndex > 1 && endIndex - 2 < log.length) highest[endIndex - 2] = Math.min(highest[endIndex - 2] ?? 0, at);
  };
  const sawEnd = (endIndex: number, call: LogCall): void => {
    saw(endIndex, call.answeredAt);
    if (endIndex - 1 < log.length) notBefore[endIndex - 1] = Math.max(notBefore[endIndex - 1] ?? 0, call.invokedAt);
  };
  for (const call of calls) {
    const problem = contentProblem(log, calls, call);
    if (problem !== undefined) return problem;
    if (call.kind === "end") sawEnd(call.endIndex, call);
    if (call.kind === "read") for (const entry of call.entries) saw(entry.index + 1, call.answeredAt);
    if (call.kind !== "append") continue;
    if (log[call.index - 1] === call.value) lowest[call.index - 1] = Math.min(lowest[call.index - 1] ?? 0, call.invokedAt);
    if (call.answer === "appended") saw(call.index + 1, call.answeredAt);
    if (call.answer === "conflict" && call.index < call.endIndex) saw(call.endIndex, call.answeredAt);
    if (call.answer === "conflict" && call.index >= call.endIndex) sawEnd(call.endIndex, call);
  }
  let moment = 0;
  for (let at = 0; at < log.length; at += 1) {
    if (lowest[at] === Number.POSITIVE_INFINITY) return `entry ${at + 1} was never appended by anybody`;
    moment = Math.max(moment, lowest[at] ?? 0, notBefore[at] ?? 0);
    const latest = Math.min(...highest.slice(at)); // whoever saw a later entry saw this one
    if (moment > latest) return `entry ${at + 1} was seen at ${latest}, but cannot have been made before ${moment}`;
  }
  return undefined;
}

function contentProblem(log: readonly string[], calls: readonly LogCall[], call: LogCall): string | undefined {
  if (call.kind === "end") return call.endIndex > log.length + 1 ? `the log ended at ${call.endIndex}, and is shorter now` : undefined;
  if (call.kind === "read") {
    const other = call.entries.find((entry) => log[entry.index - 1] !== entry.value);
    return other === undefined ? undefined : `entry ${other.index} was read as ${other.value}, and is ${log[other.index - 1]}`;
  }
  const isThere = log[call.index - 1] === call.value;
  if (call.answer !== "conflict") {
    const isLost = call.answer === "appended" && !isThere;
    return isLost ? `entry ${call.index} (${call.value}) was acknowledged and is not there` : undefined;
  }
  if (call.endIndex > log.length + 1) return `a conflict named ${call.endIndex}, and the log is shorter now`;
  const mayBeEarlier = calls.some(
    (other) => other.kind === "append" && other.answer === "unknown" && other.value === call.value && other.invokedAt < call.answeredAt,
  );
  return isThere && !mayBeEarlier ? `entry ${call.index} (${call.value}) was refused and is there` : undefined;
}
