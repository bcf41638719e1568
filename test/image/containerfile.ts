/** One line of a Containerfile, joined over its continuations. */
type Instruction = Readonly<{ name: string; rest: string }>;

/** What stands between two FROMs. */
export type Stage = Readonly<{ image: string; name: string | undefined; instructions: readonly Instruction[] }>;

/** The stages of a Containerfile. @throws Error at what is no instruction. */
export function stagesOf(text: string): readonly Stage[] {
  const stages: { image: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of text.replace(/\\\n/g, " ").split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const match = /^([A-Z]+)\s+(.*)$/.exec(line);
    if (match === null) throw new Error(`no instruction: ${line}`);
    const [, name = "", rest = ""] = match;
    if (name === "FROM") {
      const [image = "", , stage] = rest.split(/\s+/);
      stages.push({ image, name: stage, instructions: [] });
    } else stages.at(-1)?.instructions.push({ name, rest });
  }
  return stages;
}

/** What is wrong with it, for people. */
export function lint(stages: readonly Stage[]): readonly string[] {
  const problems: string[] = [];
  const last = stages.at(-1);
  const rest = (name: string): string | undefined => last?.instructions.findLast((one) => one.name === name)?.rest;
  for (const { image, instructions } of stages) {
    if (!/:[\w.-]+$/.test(image) || image.endsWith(":latest")) problems.push(`${image}: the base is not pinned to a version`);
    if (!image.includes("/")) problems.push(`${image}: which registry?`);
    for (const { name, rest: text } of instructions) {
      if (name === "ADD") problems.push(`ADD ${text}: COPY does no more than it says`);
      if (/\b(?:curl|wget)\b/.test(text)) problems.push(`${name} ${text}: downloads what nobody pinned`);
    }
  }
  if (!/^[1-9]\d*:[1-9]\d*$/.test(rest("USER") ?? ""))
    problems.push("USER: a number that is not root, so that an orchestrator can check it");
  for (const name of ["ENTRYPOINT", "CMD"])
    if (!isList(rest(name))) problems.push(`${name}: a list, so that no shell stands before the process`);
  if (rest("STOPSIGNAL") !== "SIGTERM") problems.push("STOPSIGNAL: SIGTERM");
  if (rest("VOLUME") === undefined) problems.push("VOLUME: where data lies");
  return problems;
}

function isList(text: string | undefined): boolean {
  return text !== undefined && Array.isArray(JSON.parse(text.startsWith("[") ? text : "0"));
}
