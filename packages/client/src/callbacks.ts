/**
 * A callback of the application, as it is called here: what it throws comes up as an uncaught exception, like that of an event's
 * listener, once what is under way here is done; thrown at once it would end a connection, and leave promises open.
 */
export function detached<A>(tell: ((given: A) => void) | undefined): ((given: A) => void) | undefined {
  if (tell === undefined) return undefined;
  return (given) => {
    try {
      tell(given);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}
