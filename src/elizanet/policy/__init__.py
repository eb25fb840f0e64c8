"""Pure decisions of the engine, one idea a file.

No policy awaits, logs, or reads a clock or a source of chance that it was not given.
"""
