import { keyOf, type Sources, textSource } from "./config-sources.ts";
import { CONFIG_NAME, shownName, unknownName } from "./option-names.ts";
import { VARIABLE_PREFIX, variableOf } from "./server-option.ts";

/** Variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Kubernetes tells every pod about the services of its namespace, in variables that begin with their names. */
const OF_KUBERNETES = /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
/** What tests tell the process. */
const OF_TESTS = /^TIDEMQ_TEST_/;

/**
 * Variables `TIDEMQ_…`. An empty one counts as not set.
 * @param known Names that count here, for advice.
 * @returns The file that TIDEMQ_CONFIG names.
 */
export function readEnvironment(
  environment: Environment,
  known: readonly string[],
  sources: Sources,
  problems: string[],
): string | undefined {
  let file: string | undefined;
  for (const variable of Object.keys(environment).sort()) {
    const text = environment[variable] ?? "";
    if (!variable.startsWith(VARIABLE_PREFIX) || text === "") continue;
    const name = nameOf(variable);
    const key = keyOf(name);
    if (name === CONFIG_NAME) file = text;
    else if (key !== undefined) sources.set(key, textSource(key, text, `environment ${variable}`));
    else if (!OF_KUBERNETES.test(variable) && !OF_TESTS.test(variable))
      problems.push(`${shownName(variable)} (environment): ${unknownName(name, [...known, CONFIG_NAME], variableOf)}`);
  }
  return file;
}

/** The option that a variable is about, if there is one of this name. */
function nameOf(variable: string): string {
  return variable.slice(VARIABLE_PREFIX.length).toLowerCase().replaceAll("__", ".").replaceAll("_", "-");
}
