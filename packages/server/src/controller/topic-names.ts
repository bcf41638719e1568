import { TOPIC_NAME_LENGTH_MAX } from "../cluster/limits.ts";

const LEGAL = /^[a-zA-Z0-9._-]*$/;

/** Why this is no topic name, in Kafka's words; undefined = it is one. */
export function topicNameProblem(name: string): string | undefined {
  const problem = problemOf(name);
  return problem === undefined ? undefined : `Topic name is invalid: ${problem}`;
}

function problemOf(name: string): string | undefined {
  if (name === "") return "the empty string is not allowed";
  if (name === ".") return "'.' is not allowed";
  if (name === "..") return "'..' is not allowed";
  if (name.length > TOPIC_NAME_LENGTH_MAX) return `the length of '${name}' is longer than the max allowed length ${TOPIC_NAME_LENGTH_MAX}`;
  if (!LEGAL.test(name)) return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  return undefined;
}
