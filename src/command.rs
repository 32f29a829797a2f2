//! What a comment tells the bot to do.
