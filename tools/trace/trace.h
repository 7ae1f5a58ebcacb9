/* `vesper trace`: captured command streams as text. */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

/* The command: arguments after `trace`. Returns the exit status. */
int trace_main(int argc, char **argv);

#endif
