"""What packs are used for: pictures of one domain in, pictures of others out. Read:

translator   pictures or images: encoded once, decoded into one domain or many
directions   which domain is translated into which, from the words of a command
sources      the pictures to translate, and the names of what is written
memory       how large a picture can be translated in the memory that is free
files        translates files and folders, and draws the contact sheet
"""
