//! Each way in which a file is not a history, with the line, and the column where one byte is at fault.
